"""Our PDN convolution against PyTorch Geometric's."""

import warnings

import torch

from cell_tracker_gnn.model.blocks import PathfinderConvolution


def test_agrees_with_pytorch_geometric() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_geometric.nn import PDNConv
    torch.manual_seed(3)
    cells, links = torch.randn(30, 8), torch.randn(90, 5)
    source, target = torch.randint(0, 15, (90,)), torch.randint(15, 30, (90,))
    ours = PathfinderConvolution(8, 6, link_width=5, hidden=16)
    theirs = PDNConv(8, 6, edge_dim=5, hidden_channels=16)
    theirs.lin.weight.data.copy_(ours.linear.weight.data)
    theirs.bias.data.copy_(ours.bias.data)
    for mine, other in zip((ours.weigh[0], ours.weigh[2]), (theirs.mlp[0], theirs.mlp[2]), strict=True):
        other.load_state_dict(mine.state_dict())
    expected = theirs(cells, torch.stack([source, target]), links)
    torch.testing.assert_close(ours(cells, links, source, target), expected)
