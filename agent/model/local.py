"""The model in this process, by llama.cpp (`xllamacpp`): greedy, with its prompt prefixes kept on disk.

Reading a prefix of a few hundred tokens costs seconds; its attention cache, saved under the hash of model and
prefix, comes back in milliseconds in the next process. llama.cpp offers saving and restoring only through its
HTTP face, so the server listens on a free loopback port and answers to a random key that never leaves memory.
"""

import contextlib
import hashlib
import math
import os
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from agent.model.face import Choice, CutOffError, ModelError, ModelUnavailable, Prompt, chatml, option_mass, scored
from agent.model.fetch import cache_root

_CONTEXT = 4096
_MOST_PREFIXES = 16
_MOST_BYTES = 512 << 20
_STALE_SECONDS = 3600
# An option is nearly always among the likeliest few tokens; the long list is slow to send.
_ALTERNATIVES = (64, 8192)


class LocalModel:
    """A GGUF model run in this process. Nothing is loaded before the first call."""

    def __init__(self, path: str | Path, threads: int | None = None, name: str | None = None) -> None:
        self._path = Path(path)
        self._threads = threads or free_threads()
        self._name = name or self._path.stem
        self._key = secrets.token_urlsafe(32)
        self._lock = threading.RLock()
        self._server: Any = None
        self._http: httpx.Client | None = None
        self._prefixes = cache_root() / "prefixes"
        self._resident = ""

    @property
    def name(self) -> str:
        """Return what to call the model in an answer's record."""
        return self._name

    def choose(self, prompt: Prompt, options: list[str]) -> Choice:
        """Score `options` by the model's probabilities of the next token after `prompt`."""
        mass: dict[str, float] = {}
        for alternatives in _ALTERNATIVES:
            answer = self._call(prompt, {"n_predict": 1, "n_probs": alternatives})
            steps = answer.get("completion_probabilities") or [{}]
            top = {t["token"]: math.exp(t["logprob"]) for t in steps[0].get("top_logprobs", [])}
            mass = option_mass(options, top)
            if any(mass.values()):
                break
        return scored(options, mass)

    def complete(self, prompt: Prompt, grammar: str | None = None, max_tokens: int = 256, seed: int = 0) -> str:
        """Continue `prompt` greedily under `grammar`."""
        wanted: dict[str, Any] = {"n_predict": max_tokens, "seed": seed}
        if grammar:
            wanted["grammar"] = grammar
        answer = self._call(prompt, wanted)
        text = str(answer.get("content", ""))
        if answer.get("stop_type") == "limit":
            raise CutOffError(f"{self._name} was cut off after {max_tokens} tokens; ask for less", text.strip())
        return text.strip()

    def close(self) -> None:
        """Free the model and its port."""
        with self._lock:
            if self._http is not None:
                self._http.close()
            self._http = self._server = None
            self._resident = ""

    @contextlib.contextmanager
    def exposed(self) -> Iterator[tuple[str, str]]:
        """Lend the loopback URL and the key of the server inside, for a client of the same process."""
        with self._lock:
            self._load()
            yield self._server.listening_address, self._key
            # The client has left its own text in the slot.
            self._resident = ""

    def _call(self, prompt: Prompt, wanted: dict[str, Any]) -> dict[str, Any]:
        """Make the prefix resident, then ask for a completion of prefix and tail."""
        prefix, tail = chatml(prompt)
        with self._lock:
            self._load()
            self._make_resident(prefix)
            body = {"temperature": 0.0, "seed": 0, "cache_prompt": True, "id_slot": 0, **wanted}
            return self._post("/completion", {**body, "prompt": prefix + tail})

    def _make_resident(self, prefix: str) -> None:
        """Bring the attention cache of `prefix` into the slot: from memory, from disk, or by reading it."""
        if self._resident == prefix:
            return
        file = self._prefixes / f"{self._identity(prefix)}.bin"
        if file.is_file() and self._restore(file):
            with contextlib.suppress(FileNotFoundError):
                os.utime(file)
        else:
            self._post("/completion", {"prompt": prefix, "n_predict": 0, "cache_prompt": True, "id_slot": 0})
            # Saved under another name first: a killed process leaves no half-written cache behind.
            partial = f"{file.name}.{os.getpid()}.partial"
            self._post("/slots/0?action=save", {"filename": partial})
            (self._prefixes / partial).replace(file)
            prune(self._prefixes)
        self._resident = prefix

    def _restore(self, file: Path) -> bool:
        """Restore a saved prefix; one that the runtime refuses is removed."""
        try:
            self._post("/slots/0?action=restore", {"filename": file.name})
        except ModelError:
            file.unlink(missing_ok=True)
            return False
        return True

    def _identity(self, prefix: str) -> str:
        """Return the hash of everything on which a saved prefix depends."""
        import xllamacpp

        stat = self._path.stat()
        model = f"{self._path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{xllamacpp.__version__}|{_CONTEXT}"
        return hashlib.sha256(f"{model}\n{prefix}".encode()).hexdigest()

    def _post(self, route: str, body: dict[str, Any]) -> dict[str, Any]:
        """Call the server; its refusals become one line."""
        if self._http is None:
            raise ModelError(f"{self._name} is not loaded")
        try:
            answer = self._http.post(route, json=body)
        except httpx.HTTPError as error:
            raise ModelError(f"{self._name} did not answer ({type(error).__name__})") from error
        if answer.status_code != httpx.codes.OK:
            raise ModelError(f"{self._name} refused the call: {_reason(answer)}")
        return dict(answer.json())

    def _load(self) -> None:
        """Load the model once.

        Raises:
            ModelUnavailable: the file is missing or is not a model that the runtime can read.
        """
        with self._lock:
            if self._server is not None:
                return
            if not self._path.is_file():
                raise ModelUnavailable(f"no model file at {self._path}; run 'labwright model fetch'")
            self._prefixes.mkdir(parents=True, exist_ok=True)
            self._server = _serve(self._path, self._threads, self._prefixes, self._key)
            self._http = httpx.Client(
                base_url=self._server.listening_address,
                headers={"Authorization": f"Bearer {self._key}"},
                timeout=httpx.Timeout(600.0, connect=5.0),
                trust_env=False,
            )


def free_threads() -> int:
    """Return how many threads to use: one a core up to eight, half of that on a machine that is overloaded.

    The threads meet at a barrier in every layer; where they wait for each other's cores, two wrote ten times
    slower than one.
    """
    cores = min(os.cpu_count() or 2, 8)
    crowded = hasattr(os, "getloadavg") and os.getloadavg()[0] > (os.cpu_count() or 2)
    return max(1, cores // 2) if crowded else cores


def _serve(path: Path, threads: int, prefixes: Path, key: str) -> Any:
    """Start llama.cpp's server in this process, on a free loopback port, with one slot."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx, params.n_parallel, params.warmup = _CONTEXT, 1, False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    # The prefixes are kept on disk by us: the runtime's own copies would only cost memory.
    params.cache_ram_mib, params.n_ctx_checkpoints = 0, 0
    params.slot_save_path, params.endpoint_slots = f"{prefixes}{os.sep}", True
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [key]
    params.ui, params.verbosity, params.n_threads_http = False, -1, 2
    try:
        return xllamacpp.Server(params)
    except Exception as error:  # the binding raises bare RuntimeError and friends
        raise ModelUnavailable(f"{path} cannot be loaded as a model ({error}); fetch it again") from error


def _reason(answer: httpx.Response) -> str:
    """Return the server's own sentence about a refusal."""
    try:
        return str(answer.json()["error"]["message"]).splitlines()[0]
    except (ValueError, KeyError, TypeError, IndexError):
        return f"status {answer.status_code}"


def prune(folder: Path, most: int = _MOST_PREFIXES, most_bytes: int = _MOST_BYTES) -> None:
    """Remove the prefixes used longest ago until at most `most` files and `most_bytes` bytes remain."""
    for partial in folder.glob("*.partial"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - partial.stat().st_mtime > _STALE_SECONDS:
                partial.unlink()
    sizes = []
    for file in folder.glob("*.bin"):
        with contextlib.suppress(FileNotFoundError):
            stat = file.stat()
            sizes.append((stat.st_mtime, stat.st_size, file))
    total = 0
    for rank, (_, size, file) in enumerate(sorted(sizes, key=lambda entry: entry[0], reverse=True)):
        total += size
        if rank >= most or total > most_bytes:
            file.unlink(missing_ok=True)
