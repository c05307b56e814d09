"""What other people's servers can answer, or fail to."""

import asyncio
import gzip
import time

import pytest

from shared.plumbing import outgoing
from shared.plumbing.outgoing import OutcomeUnknown, OutgoingClient
from tests.unit.plumbing.outgoing.servers import OK, Server, at, call, failure


async def test_a_call_sends_what_it_was_given_and_little_else(client: OutgoingClient, server: Server) -> None:
    response = await call(client, at(server), body=b'{"a":1}', headers={"Content-Type": "application/json", "X-A": "b"})

    assert (response.status, response.body, response.truncated, response.body_complete) == (200, b"ok", False, True)
    assert response.headers["content-length"] == "2"
    assert 0 < response.duration < 5
    [request] = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert body == b'{"a":1}'
    assert sorted(head.decode().split("\r\n")) == sorted(
        [
            "POST /hook HTTP/1.1",
            f"Host: 127.0.0.1:{server.port}",
            "User-Agent: souk-test",
            "Accept: */*",
            "Accept-Encoding: identity",
            "Content-Type: application/json",
            "X-A: b",
            "Content-Length: 7",
        ]
    )


async def test_a_connection_is_kept_for_the_next_call(client: OutgoingClient, server: Server) -> None:
    for _ in range(3):
        await call(client, at(server))
    assert (len(server.requests), server.connections) == (3, 1)


async def test_a_server_that_never_answers_may_have_seen_it(client: OutgoingClient, server: Server) -> None:
    server.script = server.hang
    failed = await failure(client, at(server), deadline=1)
    assert isinstance(failed, OutcomeUnknown)
    assert failed.reason == "timeout"
    assert len(server.requests) == 1


async def test_whoever_sleeps_over_the_deadline_does_not_blame_the_server(
    client: OutgoingClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "_STALLED_SECONDS", 0.3)

    async def stop_the_process(_: asyncio.StreamWriter) -> None:
        time.sleep(0.8)  # noqa: ASYNC251 - as SIGSTOP does: nothing runs meanwhile

    server.script = stop_the_process
    failed = await failure(client, at(server), deadline=0.2)
    assert isinstance(failed, OutcomeUnknown)
    assert failed.reason == "stalled"
    assert failed.reason in outgoing.OUR_SIDE


async def test_a_server_may_say_wait_a_few_times_only(client: OutgoingClient, server: Server) -> None:
    wait = b"HTTP/1.1 102 Processing\r\n\r\n"
    server.script = server.answer(wait * 3 + OK)
    assert (await call(client, at(server))).status == 200
    server.script = server.answer(*[wait * 100] * 100_000)
    failed = await failure(client, at(server), deadline=20)
    assert isinstance(failed, OutcomeUnknown)
    assert failed.reason == "bad-response"


async def test_a_server_that_drips_its_headers_costs_the_deadline(client: OutgoingClient, server: Server) -> None:
    server.script = server.answer(b"HTTP/1.1 200 OK\r\n", *[b"X-A: b\r\n"] * 1000, pause=0.02)
    started = asyncio.get_running_loop().time()
    assert (await failure(client, at(server), deadline=1)).reason == "timeout"
    assert asyncio.get_running_loop().time() - started < 10  # the headers take twenty seconds


async def test_endless_interim_answers_cost_the_deadline(client: OutgoingClient, server: Server) -> None:
    server.script = server.answer(*[b"HTTP/1.1 103 Early Hints\r\n\r\n"] * 1000, pause=0.005)
    assert isinstance(await failure(client, at(server), deadline=1), OutcomeUnknown)


async def test_a_connection_closed_without_an_answer_may_have_been_seen(client: OutgoingClient, server: Server) -> None:
    server.script = server.answer(then_close=True)
    failed = await failure(client, at(server))
    assert isinstance(failed, OutcomeUnknown)
    assert failed.reason == "reset"
    assert len(server.requests) == 1  # a POST is never repeated by itself


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"\x00" * 100,
        b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"b" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 10_000 + b"\r\n",
        b"HTTP/1.1 999999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    ],
    ids=range(6),
)
async def test_an_answer_that_is_no_http_may_have_been_seen(
    client: OutgoingClient, server: Server, answer: bytes
) -> None:
    server.script = server.answer(answer, then_close=True)
    failed = await failure(client, at(server))
    assert isinstance(failed, OutcomeUnknown)
    assert failed.reason == "bad-response"


@pytest.mark.parametrize("status", [200, 204, 302, 307, 404, 410, 429, 500, 503])
async def test_every_status_is_an_answer_and_no_redirect_is_followed(
    client: OutgoingClient, server: Server, status: int
) -> None:
    where = f"Location: http://127.0.0.1:{server.port}/elsewhere\r\nContent-Length: 0\r\n\r\n"
    server.script = server.answer(f"HTTP/1.1 {status} X\r\n{where}".encode())
    assert (await call(client, at(server))).status == status
    assert len(server.requests) == 1


async def test_a_body_that_drips_past_the_deadline_leaves_the_status(client: OutgoingClient, server: Server) -> None:
    server.script = server.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", *[b"x"] * 500, pause=0.02)
    response = await call(client, at(server), deadline=1)
    assert (response.status, response.body_complete, response.truncated) == (200, False, False)
    assert set(response.body) == set(b"x")
    assert response.duration > 0.9


async def test_a_body_that_breaks_off_leaves_the_status(client: OutgoingClient, server: Server) -> None:
    server.script = server.answer(b"HTTP/1.1 422 No\r\nContent-Length: 500\r\n\r\nbecause", then_close=True)
    response = await call(client, at(server))
    assert (response.status, response.body, response.body_complete) == (422, b"because", False)


async def test_a_chunked_body_that_is_broken_leaves_the_status(client: OutgoingClient, server: Server) -> None:
    server.script = server.answer(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"zz\r\nnot chunked\r\n", pause=0.05
    )
    response = await call(client, at(server), deadline=1)
    assert (response.status, response.body_complete) == (200, False)


async def test_a_body_of_exactly_the_limit_is_complete(client: OutgoingClient, server: Server) -> None:
    server.script = server.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000)
    response = await call(client, at(server))
    assert (len(response.body), response.truncated, response.body_complete) == (1000, False, True)


async def test_a_long_body_is_cut_and_its_connection_closed(client: OutgoingClient, server: Server) -> None:
    server.script = server.answer(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 100_000] * 500)  # 50 MB
    response = await call(client, at(server))
    assert (len(response.body), response.truncated, response.body_complete) == (1000, True, False)
    server.script = server.answer(OK)
    assert (await call(client, at(server))).body == b"ok"
    assert server.connections == 2


async def test_a_compressed_bomb_does_not_go_off(client: OutgoingClient, server: Server) -> None:
    bomb = gzip.compress(b"\x00" * 50_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    server.script = server.answer(head.encode() + bomb)
    response = await call(client, at(server), max_response=100_000)
    assert response.body == bomb
    assert response.headers["content-encoding"] == "gzip"


async def test_cookies_are_not_kept(client: OutgoingClient, server: Server) -> None:
    server.script = server.answer(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n")
    await call(client, at(server))
    await call(client, at(server))
    assert b"cookie" not in server.requests[1].lower()


async def test_proxies_of_the_environment_are_not_used(
    client: OutgoingClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await call(client, at(server))).status == 200


async def test_servers_that_hang_cost_only_their_own_slots(client: OutgoingClient, server: Server) -> None:
    server.script = server.hang
    hanging = [asyncio.create_task(failure(client, at(server), deadline=60)) for _ in range(200)]
    async with asyncio.timeout(30):
        while len(server.requests) < 200:
            await asyncio.sleep(0.01)
        server.script = server.answer(OK)
        assert [(await call(client, at(server))).status for _ in range(20)] == [200] * 20
    assert not any(task.done() for task in hanging)
    for task in hanging:
        task.cancel()
    assert {type(each) for each in await asyncio.gather(*hanging, return_exceptions=True)} == {asyncio.CancelledError}


async def test_a_client_that_was_never_used_closes() -> None:
    await OutgoingClient(frozenset(), user_agent="x").close()
