"""The command `acs-emulator join`: joins a room from the command line with recordings or a microphone.

It prints what happens in the call, and at the end a summary of what was heard. It plays nothing aloud; the page does.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import math
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from emulator.client import FRAME_BYTES, FRAME_S, JoinRefused, Participant
from emulator.wav import RATE, read_wav, write_wav

DONE, CUT_SHORT, WRONG, REFUSED, UNREACHABLE = range(5)
"""Exit statuses: left as asked; call ended too early; wrong arguments; refused; no answer at the address."""

EPILOG = """exit status:
  0  left as asked or when interrupted, or everything was said and the call ended
  1  the call ended, or the connection broke, before everything was said
  2  wrong arguments, an unreadable recording, no microphone
  3  the room refused: token, role or time
  4  the address does not answer"""

# Least level of sound, in units of 1/32768 of full scale; the same as the default of the switch silence_rms.
_SOUND_RMS = 24.0

Report = Callable[[str], None]


class NoMicrophone(Exception):
    """There is no microphone, or no library to read it; the message says which."""


class Hearing:
    """Statistics of what was heard.

    Attributes:
        frames, sounding: number of 20 ms frames heard, and of those with sound.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.sounding = 0
        self._power = 0.0

    def frame(self, pcm: bytes) -> None:
        """Count a frame."""
        self.frames += 1
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
        power = float(np.dot(samples, samples)) / len(samples)
        if power >= _SOUND_RMS**2:
            self.sounding += 1
            self._power += power

    def summary(self) -> str:
        """Return one line: seconds heard, seconds of sound, and its level."""
        heard, sound = self.frames * FRAME_S, self.sounding * FRAME_S
        if not self.sounding:
            return f"heard {heard:.1f} s, all of it silence"
        level = 10 * math.log10(self._power / self.sounding / 32768**2)
        return f"heard {heard:.1f} s, {sound:.1f} s of it sound at {level:.1f} dBFS"


def main(arguments: Sequence[str] | None = None) -> int:
    """Join and stay until asked to leave; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        sayings = [(path.name, read_wav(path)) for path in options.say]
    except (OSError, ValueError) as error:
        parser.error(f"a recording cannot be read: {error}")
    if options.record is not None and not options.record.parent.is_dir():
        parser.error(f"there is no folder {options.record.parent}")
    return asyncio.run(attend(options, sayings, _print))


async def attend(options: argparse.Namespace, sayings: Sequence[tuple[str, bytes]], report: Report) -> int:
    """Do what `main` does. `sayings` are the recordings: (name, PCM16 mono 24 kHz)."""
    hearing = Hearing()
    roster = _Roster(report)
    stop = asyncio.Event()
    try:
        async with _interrupted(stop), _microphone(options.microphone) as microphone:
            async with Participant.join(
                options.acs,
                options.group or options.room,
                options.token,
                options.name,
                group=options.group is not None,
                record=options.record is not None,
                on_frame=hearing.frame,
                on_event=roster.take,
            ) as participant:
                place = f"group {options.group}" if options.group else f"room {options.room}"
                report(f"joined {place} as {participant.participant_id}")
                try:
                    as_asked = await _take_part(participant, options, sayings, stop, microphone, report)
                finally:
                    if options.record is not None:
                        await asyncio.to_thread(write_wav, options.record, bytes(participant.heard))
    except NoMicrophone as error:
        report(f"no microphone: {error}")
        return WRONG
    except JoinRefused as error:
        report(f"refused: {error}")
        return REFUSED
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        report(f"cannot reach {options.acs}: {error}")
        return UNREACHABLE
    report(f"out of the call: {participant.close_reason}")
    report(f"said {participant.frames_spoken * FRAME_S:.1f} s, {hearing.summary()}")
    return DONE if as_asked else CUT_SHORT


async def _take_part(
    participant: Participant,
    options: argparse.Namespace,
    sayings: Sequence[tuple[str, bytes]],
    stop: asyncio.Event,
    microphone: Callable[[Participant], None],
    report: Report,
) -> bool:
    """Take part in the call; return whether everything was said or the user interrupted it."""
    microphone(participant)
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(_say_all(participant, sayings, report))
        others = [
            tasks.create_task(_mute_later(participant, options.mute_after, report)),
            tasks.create_task(participant.wait_closed()),
            tasks.create_task(_leave_later(speaking, options.leave_after)),
            tasks.create_task(stop.wait()),
        ]
        await asyncio.wait(others[1:], return_when=asyncio.FIRST_COMPLETED)
        as_asked = stop.is_set() or (speaking.done() and speaking.result())
        for task in (speaking, *others):
            task.cancel()
    return as_asked


async def _say_all(participant: Participant, sayings: Sequence[tuple[str, bytes]], report: Report) -> bool:
    """Say all recordings; return False if the call ended before."""
    for name, pcm in sayings:
        report(f"saying {name} ({len(pcm) / 2 / RATE:.1f} s)")
        try:
            await participant.speak(pcm)
        except ConnectionError:
            return False
    return True


async def _mute_later(participant: Participant, seconds: float | None, report: Report) -> None:
    if seconds is not None:
        await asyncio.sleep(seconds)
        try:
            await participant.mute()
        except ConnectionError:
            return  # reported as the end of the call
        report("muted")


async def _leave_later(speaking: asyncio.Task[bool], seconds: float | None) -> None:
    """Return when it is time to leave."""
    await asyncio.wait([speaking])
    await asyncio.sleep(seconds) if seconds is not None else await asyncio.Event().wait()


class _Roster:
    """Prints who is in the call whenever that has changed."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._reported = ""

    def take(self, event: dict[str, Any]) -> None:
        if event.get("type") != "roster":
            return
        people = [each["display_name"] + (" (muted)" if each["muted"] else "") for each in event["participants"]]
        line = "in the call: " + ", ".join(people)
        if line != self._reported:
            self._reported = line
            self._report(line)


@asynccontextmanager
async def _interrupted(stop: asyncio.Event) -> AsyncIterator[None]:
    """Set `stop` on SIGINT and SIGTERM while inside, so that the participant leaves the call properly."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _microphone(wanted: bool) -> AsyncIterator[Callable[[Participant], None]]:
    """Open the microphone and yield the function that connects a participant to it.

    Raises:
        NoMicrophone: there is no microphone, or no library to read it.
    """
    if not wanted:
        yield lambda participant: None
        return
    try:
        sounddevice = importlib.import_module("sounddevice")
    except (ImportError, OSError) as error:  # OSError: PortAudio is missing
        said = f"the package sounddevice cannot be loaded ({error})"
        raise NoMicrophone(said) from error
    loop = asyncio.get_running_loop()
    speakers: list[Participant] = []

    def heard(frame: Any, frames: int, at: Any, status: Any) -> None:
        pcm = bytes(frame)  # a copy: the memory belongs to the device
        for speaker in speakers:
            loop.call_soon_threadsafe(speaker.say_live, pcm)

    try:
        stream = sounddevice.RawInputStream(
            samplerate=RATE, channels=1, dtype="int16", blocksize=FRAME_BYTES // 2, callback=heard
        )
        stream.start()
    except (sounddevice.PortAudioError, ValueError) as error:
        raise NoMicrophone(str(error)) from error
    try:
        yield speakers.append
    finally:
        stream.close()


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < math.inf:
        raise ValueError("seconds from 0 on")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="acs-emulator join",
        description="Joins a room or group call: says recordings or speaks with the microphone, records what it hears.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--acs", required=True, metavar="URL", help="the emulator's ACS address, http://127.0.0.1:9100")
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--room", metavar="ID", help="the ACS room id")
    place.add_argument("--group", metavar="GUID", help="the id of a group call, instead of a room")
    add("--token", required=True, help="an ACS access token with the scope voip")
    add("--name", default="Guest", help="display name (default: %(default)s)")
    add("--say", nargs="+", type=Path, default=[], metavar="WAV", help="recordings to say, one after the other")
    add("--microphone", action="store_true", help="speak with the microphone; needs the package sounddevice")
    add("--record", type=Path, metavar="WAV", help="write what is heard to this file, 24 kHz mono")
    add("--mute-after", type=seconds, metavar="S", help="mute so many seconds after joining")
    add(
        "--leave-after",
        type=seconds,
        metavar="S",
        help="leave so many seconds after the last recording was said (after joining, without --say); "
        "without it: when interrupted, or when the call ends",
    )
    return parser
