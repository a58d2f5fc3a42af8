# %% [markdown]
# # Training on your own data
#
# A model of your own kind of cells, in ten cells: annotated sequences in, one `model.safetensors` out. Here they are
# simulated and the training is a few epochs long, so that everything runs within a minute; see the remarks for
# what to change. Needs the extras `train` and `plots`: `pip install 'cell-tracker-gnn[train,plots]'`. Made from
# `train.py` by `pairing.py`.

# %%
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from cell_tracker_gnn import Tracker, evaluate
from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation
from cell_tracker_gnn.training.run import train
from cell_tracker_gnn.training.settings import TrainSettings

work = Path("train-model")

# %% [markdown]
# **Annotated sequences** in the layout of the Cell Tracking Challenge: images in `01`, lineage in `01_GT/TRA`, full
# masks in `01_ST/SEG` if there are any. A table of points (`t,y,x,id,parent`) does as well.

# %%
look = SimulationSettings(frames=24, cells=14, size=(200, 200), division_rate=2.0)
for seed in (1, 2, 3):
    write_simulation(simulate(replace(look, seed=seed)), work / f"sequence-{seed}", overwrite=True)
sorted(str(path.relative_to(work)) for path in (work / "sequence-1").glob("*/*") if path.is_dir())

# %% [markdown]
# Two sequences to learn from; the third is kept apart to see how good the model is.

# %%
sequences = [work / "sequence-1" / "01", work / "sequence-2" / "01"]
kept = work / "sequence-3"

# %% [markdown]
# **Settings.** The defaults are meant for real data: leave all of these away there (`TrainSettings()`).

# %%
quick = TrainSettings.parse(["epochs=3", "embedding_epochs=1", "subsample=no", "faults=no"])
quick

# %% [markdown]
# **Training**: an encoder of the cells' looks first, then the network that weighs the links. The last part of every
# sequence is kept for validation. On the command line: `cell-tracker-gnn train SEQUENCE ... --output my-model`.

# %%
model = train(sequences, work / "my-model", quick, device="cpu")

# %% [markdown]
# The model carries its own card: what it learned from, how, and how good it was on what it did not see.

# %%
print({name: round(value, 4) for name, value in model.card["scores"].items()})
sorted(model.card)

# %% [markdown]
# **Track the sequence that was kept apart** with the new model and with the one that comes with the package.

# %%
masks, images = kept / "01_ERR_SEG", kept / "01"
for name, source in (("own", work / "my-model" / "model.safetensors"), ("general", "general")):
    Tracker.from_pretrained(source).track(masks, images).write(work / f"result-{name}", overwrite=True)

# %% [markdown]
# **Compare** the links and the divisions. A few epochs on two small movies do not beat the bundled model.

# %%
scores = {name: evaluate(work / f"result-{name}", kept / "01_GT") for name in ("own", "general")}
for measure in ("LNK", "CHOTA", "wrong_links", "missed_links", "division_f1"):
    print(measure, {name: found[measure] for name, found in scores.items()})

# %% [markdown]
# The same as a picture.

# %%
figure, axis = plt.subplots(figsize=(5, 3.5), layout="constrained")
shown = ("wrong_links", "missed_links", "identity_switches")
for shift, (name, found) in zip((-0.2, 0.2), scores.items(), strict=True):
    axis.bar(np.arange(len(shown)) + shift, [found[measure] for measure in shown], 0.4, label=name)
axis.set(xticks=range(len(shown)), ylabel="number", title="mistakes on the sequence kept apart")
axis.set_xticklabels([measure.replace("_", " ") for measure in shown])
axis.legend(title="model")
figure.savefig(work / "comparison.png")

# %% [markdown]
# **Use it**: one file, nothing in it is ever executed.
# `cell-tracker-gnn track MASKS --images IMAGES --model train-model/my-model/model.safetensors --output RESULT`

# %%
path = work / "my-model" / "model.safetensors"
f"{path} has {path.stat().st_size / 1e6:.1f} MB"
