"""Let torchvision be imported beside a torch without CUDA; a copy of this stands in vLLM's environment.

The torchvision that plain pip gives is compiled for CUDA. Beside a CPU build of torch its compiled half
does not load, the operators in it are then unknown, and its Python half, which describes two of them to
torch while it is imported, ends with "operator torchvision::nms does not exist". vLLM needs nothing but
that Python half. So the two are declared before torchvision is first looked for; calling one of them
still fails. A ``.pth`` file imports this module in every process of the environment, also in those that
vLLM spawns, and therefore it must not import torch before somebody else wants torchvision.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from typing import Any

_SCHEMAS = tuple(
    f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for name in ("nms", "qnms")
)


class BeforeTorchvision:
    """Stands first among the finders of modules until torchvision is asked for; finds nothing itself."""

    def __init__(self) -> None:
        self.declared: Any = None
        """Keeps the declarations: they end with the library object that made them."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Declare the operators if it is torchvision that is wanted, and leave finding it to others."""
        del path, target
        if name == "torchvision" and self.declared is None:
            import torch

            # A build for CUDA may have the compiled half, which declares them itself.
            if torch.version.cuda is None:
                library: Any = torch.library.Library  # untyped in torch
                self.declared = library("torchvision", "DEF")
                for schema in _SCHEMAS:
                    self.declared.define(schema)
        return None


sys.meta_path.insert(0, BeforeTorchvision())
