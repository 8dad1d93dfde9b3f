"""What must hold between Python's grpcio and the example `grpc_health`.

    checks.py PROGRAM       PROGRAM being the built example; `run` does all that is needed before
"""

import json
import subprocess
import sys
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

AUDIENCE = "https://health.example.com"
SERVING = health_pb2.HealthCheckResponse.SERVING

# No call and no download may take longer, in seconds.
DEADLINE = 20

passed = failed = 0


def check(sentence, body):
    """One line a check."""
    global passed, failed
    try:
        body()
        passed += 1
        print(f"ok    {sentence}", flush=True)
    except Exception as error:  # whatever it is, the next check goes on
        failed += 1
        print(f"FAIL  {sentence}\n      {type(error).__name__}: {error}", flush=True)


class Service:
    """One connection, which goes on being used whatever was answered on it before."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self.stub = health_pb2_grpc.HealthStub(self.channel)

    def check(self, *metadata):
        """Unary: the answer."""
        request = health_pb2.HealthCheckRequest()
        return self.stub.Check(request, metadata=metadata, timeout=DEADLINE)

    def watch(self, *metadata):
        """Server-streaming: the first answer; the service would go on for ever."""
        request = health_pb2.HealthCheckRequest()
        stream = self.stub.Watch(request, metadata=metadata, timeout=DEADLINE)
        first = next(stream)
        stream.cancel()
        return first

    def upload(self, *metadata):
        """Client-streaming: a megabyte to a method that is not there."""
        method = self.channel.stream_unary("/grpc.health.v1.Health/Upload")
        return method(iter([b"0" * 1000] * 1000), metadata=metadata, timeout=DEADLINE)

    def nowhere(self, *metadata):
        """Unary: a method that is not there."""
        method = self.channel.unary_unary("/grpc.health.v1.Health/Nowhere")
        return method(b"", metadata=metadata, timeout=DEADLINE)


class Tokens:
    """What the issuer gives to whoever asks."""

    def __init__(self, url):
        self.url = url

    def get(self, audience=AUDIENCE, scope="health"):
        form = {
            "grant_type": "client_credentials",
            "client_id": "python",
            "client_secret": "secret",
            "audience": audience,
            "scope": scope,
        }
        body = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(self.url, body, timeout=DEADLINE) as answer:
            return json.load(answer)["access_token"]


def bearer(token):
    return ("authorization", f"Bearer {token}")


def tampered(token):
    """The same token with one character of its payload changed."""
    header, payload, signature = token.split(".")
    middle = len(payload) // 2
    other = "A" if payload[middle] != "A" else "B"
    return ".".join([header, payload[:middle] + other + payload[middle + 1 :], signature])


def equal(found, wanted):
    assert found == wanted, f"{found!r} where {wanted!r} was wanted"


def refused(call, code, message, secret=None):
    """The call ends with this status and this text, and nothing in the answer tells of the token."""
    try:
        answer = call()
    except grpc.RpcError as error:
        equal((error.code(), error.details()), (code, message))
        said = f"{error!r} {error.initial_metadata()} {error.trailing_metadata()}"
        for part in (secret or "").split("."):
            assert len(part) < 8 or part not in said, said
        return
    raise AssertionError(f"accepted: {answer!r}")


def main(program):
    server = subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
    try:
        said = dict(server.stdout.readline().split() for _ in range(3))
        run(Service(said["address"]), Service(said["undecided"]), Tokens(said["token"]))
    finally:
        server.kill()
        server.wait()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


ABSENT = (grpc.StatusCode.UNAUTHENTICATED, "a bearer token is needed")
MALFORMED = (
    grpc.StatusCode.UNAUTHENTICATED,
    "the request must carry exactly one well-formed bearer token",
)
INVALID = (grpc.StatusCode.UNAUTHENTICATED, "the token is not acceptable")
FORBIDDEN = (grpc.StatusCode.PERMISSION_DENIED, "the token does not permit this")
UNDECIDED = (
    grpc.StatusCode.UNAVAILABLE,
    "it cannot be told at the moment whether the token is good",
)


def run(service, undecided, tokens):
    good = tokens.get(scope="read health")
    elsewhere = tokens.get(audience="https://other.example.com")
    without_scope = tokens.get(scope="read")

    for kind, call in (("unary", "check"), ("streaming", "watch")):
        ask = getattr(service, call)
        ask_undecided = getattr(undecided, call)
        check(f"{kind}: a good token is let in", lambda: equal(ask(bearer(good)).status, SERVING))
        check(f"{kind}: no token is 16", lambda: refused(ask, *ABSENT))
        for what, token in (
            ("garbage", "no.good.token"),
            ("a tampered token", tampered(good)),
            ("a token for another service", elsewhere),
        ):
            check(
                f"{kind}: {what} is 16, and the answer tells nothing of it",
                lambda: refused(lambda: ask(bearer(token)), *INVALID, secret=token),
            )
        check(
            f"{kind}: two tokens are 16",
            lambda: refused(lambda: ask(bearer(good), bearer(good)), *MALFORMED, secret=good),
        )
        check(
            f"{kind}: another scheme is no token",
            lambda: refused(lambda: ask(("authorization", "Basic YTpi")), *ABSENT),
        )
        check(
            f"{kind}: a missing scope is 7",
            lambda: refused(lambda: ask(bearer(without_scope)), *FORBIDDEN, secret=without_scope),
        )
        check(
            f"{kind}: keys that cannot be reached are 14",
            lambda: refused(lambda: ask_undecided(bearer(good)), *UNDECIDED, secret=good),
        )
        check(
            f"{kind}: with keys that cannot be reached, no token is 16 all the same",
            lambda: refused(ask_undecided, *ABSENT),
        )
        check(
            f"{kind}: after all these, the same connection lets a good token in",
            lambda: equal(ask(bearer(good)).status, SERVING),
        )

    check(
        "a stream of requests without a token is 16",
        lambda: refused(service.upload, *ABSENT),
    )
    check(
        "a method that is not there is 16 for a stranger, and 12 with a good token",
        lambda: (
            refused(service.nowhere, *ABSENT),
            refused(
                lambda: service.nowhere(bearer(good)),
                grpc.StatusCode.UNIMPLEMENTED,
                "",
            ),
        ),
    )

    def crowd():
        with ThreadPoolExecutor(16) as pool:
            pairs = [(service.check, bearer(good)), (service.watch, bearer(good))] * 50
            answers = pool.map(lambda pair: pair[0](pair[1]).status, pairs)
            equal(set(answers), {SERVING})

    check("100 calls at once on one connection, unary and streaming: all let in", crowd)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
