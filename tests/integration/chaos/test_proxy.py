"""The lines that faults cut: a real server behind a real proxy."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from deploy.local import ports
from tests.chaos.proxy import HOST, Lines


@pytest.fixture
async def line() -> AsyncIterator[tuple[Lines, int]]:
    """A proxy in front of a server that says back what it hears."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(100):
            writer.write(piece)
        writer.close()

    front, target = ports.free(["front", "target"]).values()
    async with await asyncio.start_server(echo, HOST, target):
        lines = await asyncio.to_thread(Lines, {front: target})
        yield lines, front
        await asyncio.to_thread(lines.close)


async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, word: bytes) -> bytes:
    writer.write(word)
    return await reader.readexactly(len(word))


async def test_an_open_line_carries_both_ways(line: tuple[Lines, int]) -> None:
    reader, writer = await asyncio.open_connection(HOST, line[1])

    assert await said(reader, writer, b"hello") == b"hello"
    writer.close()


async def test_a_cut_line_resets_old_and_new_connections_until_it_is_open_again(line: tuple[Lines, int]) -> None:
    lines, front = line
    reader, writer = await asyncio.open_connection(HOST, front)
    assert await said(reader, writer, b"hello") == b"hello"

    lines.set(front, "cut")

    assert await _lost(reader, writer)
    assert await _lost(*await asyncio.open_connection(HOST, front))
    lines.set(front)
    reader, writer = await asyncio.open_connection(HOST, front)
    assert await said(reader, writer, b"again") == b"again"
    writer.close()


async def test_a_silent_line_stands_and_carries_nothing_until_it_is_open_again(line: tuple[Lines, int]) -> None:
    lines, front = line
    reader, writer = await asyncio.open_connection(HOST, front)
    lines.set(front, "silent")

    answer = asyncio.create_task(said(reader, writer, b"hello"))
    done, _ = await asyncio.wait([answer], timeout=0.5)

    assert not done
    lines.set(front)
    assert await answer == b"hello"
    writer.close()


async def test_a_slow_line_is_slow(line: tuple[Lines, int]) -> None:
    lines, front = line
    lines.set(front, delay=0.4)
    reader, writer = await asyncio.open_connection(HOST, front)
    began = asyncio.get_running_loop().time()

    assert await said(reader, writer, b"hello") == b"hello"
    assert asyncio.get_running_loop().time() - began >= 0.8  # there and back
    writer.close()


async def _lost(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    try:
        ended = await reader.read(1) == b""
    except ConnectionError:
        ended = True
    writer.close()
    return ended
