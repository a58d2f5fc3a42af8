# %% [markdown]
# # From images to lineage to plots
#
# A movie of nuclei, tracked from its images alone, in ten cells. The movie is simulated, so that everything runs at
# once and the truth is known; with your own images set `images` to their folder (or stack) and leave the second cell
# away. Needs the extra `plots`: `pip install 'cell-tracker-gnn[plots]'`. Made from `first_movie.py` by `pairing.py`.

# %%
from itertools import count
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from skimage.segmentation import find_boundaries

from cell_tracker_gnn import Tracker, evaluate, open_movie, segment_movie
from cell_tracker_gnn.io import read_table
from cell_tracker_gnn.measurement import measure
from cell_tracker_gnn.simulation import SimulationSettings, simulate, write_simulation

work = Path("first-movie")

# %% [markdown]
# The images: one TIFF file per frame. A stack, an OME-Zarr or an array does as well.

# %%
settings = SimulationSettings(frames=24, cells=16, size=(220, 220), division_rate=2.0, seed=4)
write_simulation(simulate(settings), work / "movie", overwrite=True)
images = work / "movie" / "01"

# %% [markdown]
# **Masks.** The built-in segmenter finds bright cells on a dark background. If you have masks, use yours. From here on
# the scale makes lengths micrometres and times seconds.

# %%
made = segment_movie(images, work / "masks")
movie = open_movie(made.masks, images, scale=(0.5, 0.5), unit="µm", interval=300.0)
len(movie), movie.shape, movie.scale

# %% [markdown]
# Look at them before you track: what is wrong here stays wrong.

# %%
figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for axis, index in zip(axes, np.linspace(0, len(movie) - 1, 3).astype(int), strict=True):
    axis.imshow(movie.images[index], cmap="gray")
    outline = find_boundaries(np.asarray(movie.masks[index]), mode="inner")
    axis.imshow(np.ma.masked_where(~outline, outline), cmap="autumn", interpolation="none")
    axis.set(title=f"frame {movie.numbers[index]}", xticks=[], yticks=[])
figure.savefig(work / "masks.png")

# %% [markdown]
# **Tracking.** One call; there is nothing to tune. Every link has a calibrated probability.

# %%
tracker = Tracker.from_pretrained()
lineage = tracker.track(made.masks, images, scale=(0.5, 0.5), unit="µm", interval=300.0)
lineage.write(work / "result", overwrite=True)
len(lineage.cells), len(lineage.links), len(lineage.tracks)

# %% [markdown]
# **What to look at.** `uncertain.csv` lists the doubtful decisions, most doubtful first; `summary` says how many are
# expected to be wrong.

# %%
doubtful = read_table(work / "result" / "uncertain.csv")
for row in range(min(5, len(doubtful["decision"]))):
    print({name: values[row].item() for name, values in doubtful.items()})
lineage.summary

# %% [markdown]
# **Measurements** of every cell and frame, of every cell from birth to end, and mean squared displacements.

# %%
measured = measure(lineage, [movie.images])
cells, tracks, msd = measured.cells, measured.tracks, measured.msd
complete = np.isfinite(tracks["cycle"])
print(f"{len(tracks['cell'])} cells, {complete.sum()} seen from division to division")
print(f"median speed {np.nanmedian(cells['speed']) * 60:.2f} µm/min")
print(f"median directness {np.nanmedian(tracks['directness']):.2f}")

# %% [markdown]
# **The family tree.** Time runs to the right; one line per cell, joined to its daughters.

# %%
children = {int(cell): np.flatnonzero(tracks["parent"] == cell) for cell in tracks["cell"]}
height, lines = {}, count()


def place(row: int) -> float:
    """Put a cell in the middle of its daughters, or in the next free line."""
    below = [place(int(child)) for child in children[int(tracks["cell"][row])]]
    height[row] = float(np.mean(below)) if below else float(next(lines))
    return height[row]


for root in np.flatnonzero(tracks["parent"] == 0):
    place(int(root))
figure, axis = plt.subplots(figsize=(9, 6), layout="constrained")
for row, y in height.items():
    color = f"C{int(tracks['lineage'][row]) % 10}"
    axis.plot([tracks["begin"][row], tracks["end"][row]], [y, y], color=color, linewidth=2)
    for child in children[int(tracks["cell"][row])]:
        axis.plot([tracks["end"][row], tracks["begin"][child]], [y, height[int(child)]], color=color, linewidth=1)
axis.set(xlabel="frame", ylabel="cell", yticks=[], title="lineage")
figure.savefig(work / "tree.png")

# %% [markdown]
# **Movement and size**: the ways of the cells, their areas over time, and how fast they spread.

# %%
figure, (ways, areas, spread) = plt.subplots(1, 3, figsize=(14, 4), layout="constrained")
for number in tracks["cell"]:
    own = cells["cell"] == number
    ways.plot(cells["x"][own], cells["y"][own], linewidth=1)
    areas.plot(cells["time"][own] / 60, cells["area"][own], linewidth=1)
together = msd["cell"] == 0
spread.plot(msd["time"][together] / 60, msd["msd"][together], "o-")
ways.set(xlabel="x (µm)", ylabel="y (µm)", title="ways", aspect="equal")
ways.invert_yaxis()
areas.set(xlabel="time (min)", ylabel="area (µm²)", title="growth")
spread.set(xlabel="lag (min)", ylabel="mean squared displacement (µm²)", title="spread", xscale="log", yscale="log")
figure.savefig(work / "measurements.png")

# %% [markdown]
# **Scores**, because here the truth is known. TRA and DET count the faults of the masks too.

# %%
scores = evaluate(work / "result", work / "movie" / "01_GT")
{name: scores[name] for name in ("DET", "SEG", "TRA", "LNK", "wrong_links", "missed_links")}
