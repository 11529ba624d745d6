#!/usr/bin/env python3
"""Writes goldens.h5: inputs and expected values of the models, by an oracle of its own in NumPy.

    tests/oracle/make_goldens.py [FILE]      default: goldens.h5 beside this script

The oracle follows src/models.md in float64, dense and plain; it shares no code with fedfuse. The
tests of tests/kernels, tests/server and tests/evaluation read the file; FEDFUSE_GOLDENS names
another one of the same layout. oracle_test.py computes the values again and compares.

The layout. Shapes: M items, N clients, G groups, d latent width, J views. Arrays are float64 unless
a type is given; matrices are [out x in], row-major, with the names of models.md. An array of in/ is
the input, the array of the same name in out/ the value afterwards.

/client/<case>: one local round (section 2). Attributes: head (linear, mlp, neumf), d, views (J),
    personal (0, 1), lr, lr_items, weight_decay, distill_lambda, alpha, beta (of this round: alpha_r
    and beta_r); optional: rows_trained (default: J == 1; 0: views fixed by the server),
    soft_negatives_only (default 0; 1: soft labels act only where the label is 0)
  in/table J x M x w        the item rows; w = d, or 2d for a neumf head whose rows are trained
  in/<head's parameters>    linear: w (d), b (1); mlp: W_u, W_z, b1, w, b and the user's u;
                            neumf: W1, b1, W2, b2, W3, b3, w, b and the user's u1, u2
  in/Phi1, phi1, Phi2, phi2 the router, where J > 1
  in/P M x w                personal rows, where personal
  in/soft_label M           t_i
  in/step_items S x B       int64, the batch of each step; -1: no sample (short batches)
  in/step_labels S x B      y, 0 or 1
  out/loss S                the loss of each step, before its update
  out/table                 where rows are trained; else out/view_grad J x M x d, dL/dF_j summed
  out/router_weights_at_start J   where J > 1: omega over the distinct items of all steps

/aggregate: C' = sum alpha_u C_u (section 2) and the groups' means (section 3)
  in/C M x d, alpha N, rho N, rows N x M x d, touched N x M (uint8), group N (int64)
                            C_u[i] = rows[u, i] where touched, else rho_u C[i]
  out/C M x d, group_mean G x M x d (of a group without members: anything)

/group_fusion_sgd, /group_fusion_adam: GFMFR's teacher (section 3). Attributes: optimizer, lr
  in/e G x d_g, A_g, a_g, A_t, a_t, A_v, a_v, W1, b1, W2, b2   also in out/, after all steps
  in/E_t M x d_t, E_v M x d_v, mask_t M, mask_v M, C G x M x d (the targets)
  in/w_bar G x d, b_bar G   the groups' last layers
  in/step_pairs S x n x 2   int64, (group, item) of each step's batch
  out/loss S                before each step
  out/Q G x M x d, pref G x M   after all steps

/views: FedVLR's server side (section 4)
  in/D M x d; for m = d, t, v: A_m, a_m, ln_w_m, ln_b_m, G_m, g_m; W1, b1, W2, b2, W_o, b_o
  in/E_t, E_v, mask_t, mask_v as above
  in/view_grad 3 x M x d    dL/dF of the views sum, mlp, gate
  out/views 3 x M x d       in the same order
  out/grad_X                dL/dX of every parameter X
  out/stepped_X             X after one step of Adam, lr 0.01, from no moments

/group_prior, /group_prior_wide (fewer items than features), /group_prior_whole (no projection): the
    teacher of the group prior (section 5). Attributes: projection, steps, lr, decay, least_mass,
    negatives
  in/U h x P, A G x h, v h, V G x h, b G   also in out/, after all steps
  in/E_t, E_v, mask_t, mask_v as above; S M x G, mass G
  out/Z M x P               the features that the teacher sees
  out/loss S                before each step
  out/L M x G               the logits after all steps

/grouping: grouping of clients (section 3)
  in/vectors N x p
  out/label N (int64)       the groups, up to their names; spectral and k-means agree
  out/mean p, inverse_sd p  optional: of each column over the clients; 0: a constant column
  out/median_distance       optional, scalar: of the standardised vectors, over the pairs
  out/eigenvalues G         optional: the largest ones of S = D^-1/2 A D^-1/2, descending

/ranks: evaluation (section 5)
  in/scores N x M, dropped N x M (uint8: no candidate), held_out N (int64)
  out/rank N (int64); hr_10, hr_20, hr_50, ndcg_10, ndcg_20, ndcg_50 (scalars, means over clients)
"""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np

from cases import Group, all_groups

GOLDENS = Path(__file__).resolve().with_name("goldens.h5")


def put(place: h5py.Group, name: str, values: np.ndarray) -> None:
    if values.shape:
        place.create_dataset(
            name,
            data=values,
            chunks=values.shape,
            compression="gzip",
            compression_opts=9,
            shuffle=True,
        )
    else:
        place.create_dataset(name, data=values)


def create_group(file: h5py.File, name: str) -> h5py.Group:
    """As file.create_group, with all attributes in the object's header: the file is smaller."""
    properties = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    properties.set_attr_phase_change(32, 32)
    links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    return h5py.Group(h5py.h5g.create(file.id, name.encode(), lcpl=links, gcpl=properties))


def write(path: Path, groups: dict[str, Group]) -> None:
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        for name, group in groups.items():
            place = create_group(file, name)
            for key, value in group.attributes.items():
                # fedfuse reads texts of fixed length
                place.attrs[key] = np.bytes_(value) if isinstance(value, str) else value
            for folder in ("in", "out"):
                place.create_group(folder)
            for key, values in group.arrays.items():
                put(place, key, values)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else GOLDENS
    write(target, all_groups())
    print(f"{target}: {target.stat().st_size} bytes")
