"""Everything malformed or hostile that the HTTP side is tried with, byte by byte, and what must come of it.

docs/security.md shows each table. ``<token>`` stands for somebody's access token, ``<file>`` for the id of a file of theirs
that holds ten bytes.
"""

from typing import Final

from core.limits import AVATAR_BYTES_MAX
from http_api.http_protocol import HEAD_BYTES_MAX
from http_api.middleware.bodies import JSON_BYTES_MAX
from tests.support.bad_inputs import Bad, misfits, refused

CODES: Final = "POST /v1/auth/codes"
PHONE: Final = b'{"phone": "+79161234567"}'
JSON: Final = "Content-Type: application/json"
SIGNED_IN: Final = "Authorization: Bearer <token>"
CHUNKED: Final = "Transfer-Encoding: chunked"
INVENTED: Final = "0192f0c1-7a3b-7c4d-8e5f-60718293a4b5"


def request(line: str, *headers: str | bytes, body: bytes | None = None, framing: str | None = None) -> bytes:
    """A request. ``framing`` stands in place of the body's length."""
    if body is not None and framing is None:
        framing = f"Content-Length: {len(body)}"
    fields = [f"{line} HTTP/1.1", "Host: molva.example", *headers, *([framing] if framing else [])]
    head = b"\r\n".join(field if isinstance(field, bytes) else field.encode("latin-1") for field in fields)
    return head + b"\r\n\r\n" + (body or b"")


def _post(body: bytes, *headers: str) -> bytes:
    return request(CODES, *(headers or (JSON,)), body=body)


def _act(body: bytes, action: str = "chat:list") -> bytes:
    return request(f"POST /v1/actions/{action}", JSON, SIGNED_IN, body=body)


def _framed(*framing: str, body: bytes = PHONE) -> bytes:
    return request(CODES, JSON, framing="\r\n".join(framing), body=body)


def _get(path: str, *headers: str | bytes) -> bytes:
    return request(f"GET {path}", SIGNED_IN, *headers)


def _chunks(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


_WHOLE: Final = _chunks(PHONE) + b"0\r\n\r\n"

BODIES: Final = [
    *misfits(
        "",
        ("nothing", _post(b"")),
        ("JSON that breaks off", _post(b"{")),
        ("null", _post(b"null")),
        ("an array", _post(b"[]")),
        ("text", _post(b'"phone"')),
        ("a number", _post(b"7")),
        ("something behind the object", _post(PHONE + b" x")),
        ("two objects", _post(PHONE + PHONE)),
        ("a comma too many", _post(b'{"phone": "+79161234567",}')),
        ("a comment", _post(b'{"phone": "+79161234567" /* mine */}')),
        ("single quotes", _post(b"{'phone': '+79161234567'}")),
        ("a key twice", _post(b'{"phone": "+79161234567", "phone": "+79161234568"}')),
        ("a key twice, further down", _post(b'{"phone": "+79161234567", "a": {"b": 1, "b": 2}}')),
        ("NaN", _post(b'{"phone": NaN}')),
        ("Infinity", _post(b'{"phone": Infinity}')),
        ("a number beyond a double", _post(b'{"phone": 1e999}')),
        ("an integer of 5,000 digits", _post(b'{"phone": ' + b"9" * 5000 + b"}")),
        ("a surrogate alone", _post(b'{"phone": "\\ud800"}')),
        ("a surrogate alone in a key", _post(b'{"\\ud800": "+79161234567"}')),
        ("bytes that are not UTF-8", _post(b'{"phone": "+7916123456\xff"}')),
        ("a surrogate in UTF-8", _post(b'{"phone": "\xed\xa0\x80"}')),
        ("a byte order mark", _post(b"\xef\xbb\xbf" + PHONE)),
        ("UTF-16", _post(PHONE.decode().encode("utf-16"))),
        ("a control character within text", _post(b'{"phone": "+7916\n1234567"}')),
        ("NUL behind the object", _post(PHONE + b"\0")),
        ("60,000 brackets", _post(b"[" * 60_000)),
        ("objects 1,000 deep", _post(b'{"a":' * 1000 + b"1" + b"}" * 1000)),
        ("no content type", request(CODES, body=PHONE)),
        ("JSON as text", _post(PHONE, "Content-Type: text/plain")),
        ("JSON as a form", _post(PHONE, "Content-Type: application/x-www-form-urlencoded")),
        ("JSON as multipart", _post(PHONE, "Content-Type: multipart/form-data")),
        ("JSON as nonsense", _post(PHONE, "Content-Type: %%%")),
        ("a form", _post(b"phone=%2B79161234567", "Content-Type: application/x-www-form-urlencoded")),
        ("gzip", _post(b"\x1f\x8b\x08\x00", JSON, "Content-Encoding: gzip")),
    ),
    *misfits(
        "phone",
        ("NUL within text", _post(b'{"phone": "\\u0000"}')),
        ("text of 60,000 digits", _post(b'{"phone": "' + b"7" * 60_000 + b'"}')),
        ("an object for text", _post(b'{"phone": {"$ne": null}}')),
        ("a key in capitals", _post(b'{"PHONE": "+79161234567"}')),
    ),
    *misfits("__proto__", ("a prototype for a field", _post(PHONE[:-1] + b', "__proto__": {}}'))),
    *refused(413, "payload_too_large", ("more than 64 KiB", _post(PHONE.ljust(JSON_BYTES_MAX + 1)))),
    *refused(
        413,
        "payload_too_large",
        ("more than 64 KiB in chunks", _framed(CHUNKED, body=_chunks(*[b" " * 4096] * 17) + b"0\r\n\r\n")),
        ("a terabyte announced", _framed(f"Content-Length: {1 << 40}")),
        ("more than a picture may have announced", request(
            "PUT /v1/me/avatar", JSON, SIGNED_IN, framing=f"Content-Length: {AVATAR_BYTES_MAX * 2}", body=b"{"
        )),
        ("more than a file may have announced", request(
            "POST /v1/files", SIGNED_IN, "Content-Type: multipart/form-data; boundary=b",
            framing=f"Content-Length: {1 << 30}", body=b"--b"
        )),
    ),
    *misfits(
        "",
        ("action: JSON that breaks off", _act(b"{")),
        ("action: a key twice", _act(b'{"limit": 5, "limit": 6}')),
        ("action: NaN", _act(b'{"limit": NaN}')),
        ("action: an integer of 4,000 digits", _act(b'{"limit": ' + b"9" * 4000 + b"}")),
        ("action: bytes that are not UTF-8", _act(b'{"cursor": "\xff"}')),
        ("action: arrays 30,000 deep", _act(b"[" * 30_000 + b"]" * 30_000)),
        ("action: an array", _act(b"[]")),
        ("action: null", _act(b"null")),
    ),
    *misfits(
        "limit",
        ("action: text for a number", _act(b'{"limit": "5"}')),
        ("action: a fraction for an integer", _act(b'{"limit": 1.0}')),
        ("action: an integer beyond 64 bits", _act(b'{"limit": 18446744073709551616}')),
        ("action: true for a number", _act(b'{"limit": true}')),
    ),
    *refused(
        404,
        "unknown_action",
        ("action: an invented name", _act(b"{}", "chat:invented")),
        ("action: a handler's own name", _act(b"{}", "on_connect")),
        ("action: a prototype for a name", _act(b"{}", "__proto__")),
        ("action: a name with NUL", _act(b"{}", "chat:list%00")),
        ("action: a name of 5,000 letters", _act(b"{}", "x" * 5000)),
    ),
]  # fmt: skip

_BOUNDARY: Final = "Content-Type: multipart/form-data; boundary=b"
_FIELD: Final = b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
_PART: Final = b'--b\r\nContent-Disposition: form-data; name="%b"; filename="a"\r\n\r\n%b\r\n'


def _upload(body: bytes, label: str = _BOUNDARY) -> bytes:
    return request("POST /v1/files", SIGNED_IN, label, body=body)


FORMS: Final = [
    *misfits(
        "",
        ("JSON in place of a form", _upload(b"{}", JSON)),
        ("a form of the other kind", _upload(b"file=hello", "Content-Type: application/x-www-form-urlencoded")),
        ("no boundary", _upload(b"--b--", "Content-Type: multipart/form-data")),
        ("nonsense", _upload(b"nonsense")),
        ("a part without a name", _upload(b"--b\r\nContent-Disposition: form-data\r\n\r\nhello\r\n--b--\r\n")),
        ("two files", _upload(_PART % (b"file", b"x") * 2 + b"--b--\r\n")),
        ("99 fields", _upload(_FIELD % (b"k", b"v") * 99 + b"--b--\r\n")),
        ("a part's header of 50,000 letters", _upload(b"--b\r\nX: " + b"y" * 50_000 + b"\r\n\r\n\r\n--b--\r\n")),
    ),
    *misfits(
        "file",
        ("no parts", _upload(b"")),
        ("nothing but the end", _upload(b"--b--\r\n")),
        ("a field in place of a file", _upload(_FIELD % (b"file", b"hello") + b"--b--\r\n")),
        ("a file in place of a duration", _upload(_PART % (b"duration", b"1") + b"--b--\r\n")),
        ("an empty file", _upload(_PART % (b"file", b"") + b"--b--\r\n")),
    ),
    *misfits("other", ("a file by another name", _upload(_PART % (b"other", b"x") + b"--b--\r\n"))),
    *misfits(
        "duration",
        ("a duration that is no number", _upload(
            _PART % (b"file", b"x") + _FIELD % (b"duration", b"nan") + b"--b--\r\n"
        )),
    ),
]  # fmt: skip

FRAMING: Final = [
    *refused(
        400,
        "validation_failed",
        ("two lengths that differ", _framed("Content-Length: 25", "Content-Length: 5")),
        ("the same length twice", _framed("Content-Length: 25", "Content-Length: 25")),
        ("a list of lengths", _framed("Content-Length: 25, 25")),
        ("a length and chunks", _framed("Content-Length: 25", CHUNKED, body=b"0\r\n\r\n")),
        ("chunks and a length", _framed(CHUNKED, "Content-Length: 25", body=b"0\r\n\r\n")),
        ("a negative length", _framed("Content-Length: -1")),
        ("a length with a sign", _framed("Content-Length: +25")),
        ("a length in hexadecimal", _framed("Content-Length: 0x19")),
        ("a length with a fraction", _framed("Content-Length: 25.0")),
        ("an empty length", _framed("Content-Length:")),
        ("a length in superscript", _framed("Content-Length: \xb2")),
        ("a length of 5,000 digits", _framed("Content-Length: " + "25".zfill(5000))),
        ("a length beyond 64 bits", _framed("Content-Length: 18446744073709551641")),
        ("chunks and something else", _framed("Transfer-Encoding: gzip, chunked", body=_WHOLE)),
        ("chunks twice over", _framed("Transfer-Encoding: chunked, chunked", body=_WHOLE)),
        ("chunks in two headers", _framed(CHUNKED, CHUNKED, body=_WHOLE)),
        ("chunks by another name", _framed("Transfer-Encoding: xchunked", body=_WHOLE)),
        ("gzip in place of chunks", _framed("Transfer-Encoding: gzip")),
        ("chunks with a space before the colon", _framed("Transfer-Encoding : chunked", body=_WHOLE)),
        ("chunks in HTTP/1.0", _framed(CHUNKED, body=_WHOLE).replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
        ("a chunk whose size is no number", _framed(CHUNKED, body=b"zz\r\n" + PHONE)),
        ("a chunk of negative size", _framed(CHUNKED, body=b"-5\r\n" + PHONE)),
        ("a chunk beyond 64 bits", _framed(CHUNKED, body=b"fffffffffffffffff\r\n" + PHONE)),
        ("a chunk longer than it says", _framed(CHUNKED, body=b"5\r\n" + PHONE + b"\r\n0\r\n\r\n")),
        ("chunks with bare line feeds", _framed(CHUNKED, body=b"19\n" + PHONE + b"\n0\n\n")),
        ("a second chunk that is none", _framed(CHUNKED, body=_chunks(b'{"phone"') + b"zz\r\n")),
        ("a picture's second chunk that is none", request(
            "PUT /v1/me/avatar", JSON, SIGNED_IN, framing=CHUNKED, body=_chunks(b'{"image"') + b"zz\r\n"
        )),
        ("a file's second chunk that is none", request(
            "POST /v1/files", SIGNED_IN, _BOUNDARY, framing=CHUNKED, body=_chunks(b"--b\r\n") + b"zz\r\n"
        )),
    ),
    *refused(
        202,
        None,
        ("a trailer", _framed(CHUNKED, body=_chunks(PHONE) + b"0\r\nX-Request-ID: evil\r\n\r\n")),
        ("a chunk with an extension", _framed(CHUNKED, body=b"19;a=b\r\n" + PHONE + b"\r\n0\r\n\r\n")),
        ("a wish for HTTP/2", request(CODES, JSON, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", body=PHONE)),
    ),
    *refused(401, "unauthorized", ("a token in a trailer", request(
        "POST /v1/actions/chat:list", JSON, framing=CHUNKED, body=_chunks(b"{}") + b"0\r\n%b\r\n\r\n" % SIGNED_IN.encode()
    ))),
]  # fmt: skip


def _raw(line: str | bytes, *headers: bytes) -> bytes:
    line = line.encode() if isinstance(line, str) else line
    return b"\r\n".join([line, b"Host: molva.example", *headers, b"", b""])


HEADS: Final = [
    *refused(
        400,
        "validation_failed",
        ("bytes that are no HTTP", b"\0\1\2\3\r\n\r\n"),
        ("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("an HTTP/2 greeting", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("a version that is none", _raw("GET /v1/me HTTP/9.9")),
        ("version 2 in words", _raw("GET /v1/me HTTP/2.0")),
        ("no version", _raw("GET /v1/me")),
        ("the version in small letters", _raw("GET /v1/me http/1.1")),
        ("no path", _raw("GET  HTTP/1.1")),
        ("a path without a slash", _raw("GET v1/me HTTP/1.1")),
        ("an unknown method", _raw("BREW /v1/me HTTP/1.1")),
        ("a method in small letters", _raw("get /v1/me HTTP/1.1")),
        ("a request to a proxy for a tunnel", _raw("CONNECT molva.example:443 HTTP/1.1")),
        ("a tunnel to a path", _raw("CONNECT /v1/me HTTP/1.1")),
        ("an address that is none", _raw("GET http://[::1/v1/me HTTP/1.1")),
        ("a port that is none", _raw("GET http://molva.example:99999999/v1/me HTTP/1.1")),
        ("NUL in the path", _raw(b"GET /v1/\0 HTTP/1.1")),
        ("a byte beyond ASCII in the path", _raw(b"GET /v1/\xff HTTP/1.1")),
        ("no host", b"GET /v1/me HTTP/1.1\r\n\r\n"),
        ("two hosts", _raw("GET /v1/me HTTP/1.1", b"Host: evil.example")),
        ("a header without a colon", _raw("GET /v1/me HTTP/1.1", b"nonsense")),
        ("a header without a name", _raw("GET /v1/me HTTP/1.1", b": x")),
        ("a header's name with a space", _raw("GET /v1/me HTTP/1.1", b"a b: x")),
        ("NUL in a header", _raw("GET /v1/me HTTP/1.1", b"X: a\0b")),
        ("a carriage return in a header", _raw("GET /v1/me HTTP/1.1", b"X: a\rb")),
        ("a header over two lines", _raw("GET /v1/me HTTP/1.1", b"X: a\r\n b")),
        ("lines that end in line feeds", b"GET /v1/me HTTP/1.1\nHost: molva.example\n\n"),
    ),
    *refused(
        431,
        "payload_too_large",
        ("a header of a megabyte", _raw("GET /v1/me HTTP/1.1", b"X: " + b"a" * (1 << 20))),
        ("five thousand headers", _raw("GET /v1/me HTTP/1.1", *[b"X-Header: a value"] * 5000)),
        ("a path of a megabyte", _raw("GET /v1/" + "a" * (1 << 20) + " HTTP/1.1")),
        ("a query just above the bound", _raw("GET /v1/me?" + "a" * HEAD_BYTES_MAX + " HTTP/1.1")),
    ),
    *refused(
        405,
        "not_found",
        ("a method that the path does not take", request("GET /v1/auth/codes")),
        ("TRACE", request("TRACE /v1/me", SIGNED_IN)),
        ("DELETE of what cannot be deleted", request("DELETE /health/live")),
        ("a method of WebDAV", request("PROPFIND /v1/me", SIGNED_IN)),
    ),
    *refused(401, "unauthorized", ("another method in a header", request("GET /v1/me", "X-HTTP-Method-Override: DELETE"))),
    *refused(404, "not_found", ("all of the server", request("OPTIONS *"))),
    *refused(
        200,
        None,
        ("an empty request id", _get("/v1/me", "X-Request-ID:")),
        ("a wish for another answer", _get("/v1/me", "Accept: application/xml", "Accept-Charset: x")),
        ("a forged address", _get("/v1/me", "X-Forwarded-For: ' OR 1=1 --, <script>", "Forwarded: for=[::1")),
        ("a forged path", _get("/v1/me", "X-Original-URL: /metrics", "X-Forwarded-Prefix: //evil")),
        ("a cookie of 8,000 letters", _get("/v1/me", "Cookie: " + "a" * 8000)),
    ),
    *[
        Bad(f"a request id {what}", _get("/v1/me", b"X-Request-ID: " + offered), 200, absent=offered)
        for what, offered in (
            ("with a space", b"one two"),
            ("with a tab", b"one\ttwo"),
            ("that is markup", b"<script>alert(1)</script>"),
            ("that is a line of the log", b'x", "level": "ERROR'),
            ("beyond ASCII", "é".encode()),
            ("of 129 letters", b"a" * 129),
        )
    ],
]  # fmt: skip

PATHS: Final = [
    *refused(
        404,
        "not_found",
        ("an unknown path", _get("/v1/nothing")),
        ("a slash too many", _get("/v1/me/")),
        ("two slashes", _get("//v1/me")),
        ("two slashes and a name of somebody else", _get("//evil.example/%2e%2e")),
        ("a path in capitals", _get("/V1/me")),
        ("dots", _get("/v1/users/../me")),
        ("dots, encoded", _get("/v1/users/%2e%2e/me")),
        ("NUL, encoded", _get("/v1/me%00")),
        ("a line break, encoded", _get("/v1/me%0d%0aX-Evil:%20yes")),
        ("a byte that is not UTF-8", _get("/v1/%ff")),
        ("a surrogate", _get("/v1/%ed%a0%80")),
        ("an encoding that breaks off", _get("/v1/%")),
        ("a path of 5,000 letters", _get("/v1/" + "a" * 5000)),
        ("documents: out of their folder", _get("/docs/../../server.py")),
        ("documents: out of their folder, encoded", _get("/docs/..%2f..%2fserver.py")),
        ("documents: out of their folder, encoded twice", _get("/docs/%252e%252e/server.py")),
        ("documents: out of their folder, the other way", _get("/docs/..%5c..%5cserver.py")),
        ("documents: a file of the system", _get("/docs//etc/passwd")),
        ("documents: NUL", _get("/docs/index.html%00.png")),
        ("documents: a name of 5,000 letters", _get("/docs/" + "a" * 5000)),
        ("avatar: out of the folder", _get("/v1/avatars/..%2f..%2fdevelopment_secret/100")),
        ("avatar: NUL", _get("/v1/avatars/%00/100")),
        ("avatar: an invented one", _get(f"/v1/avatars/{'0' * 32}/100")),
        ("avatar: a name that is too long by half", _get(f"/v1/avatars/{'0' * 48}/100")),
        ("user: an invented one", _get(f"/v1/users/{INVENTED}")),
        ("file: an invented one", _get(f"/v1/files/{INVENTED}")),
        ("session: an invented one", request(f"DELETE /v1/auth/sessions/{INVENTED}", SIGNED_IN)),
    ),
    *refused(200, None, ("a slash, encoded, that makes a path of ours", _get("/v1%2fme"))),
    *misfits(
        "user_id",
        ("user: a word", _get("/v1/users/me")),
        ("user: a number", _get("/v1/users/1")),
        ("user: SQL", _get("/v1/users/1%20OR%201=1")),
        ("user: NUL", _get("/v1/users/%00")),
        ("user: an encoding that is none", _get("/v1/users/%zz")),
        ("user: braces", _get(f"/v1/users/%7B{INVENTED}%7D")),
        ("user: no hyphens", _get("/v1/users/" + INVENTED.replace("-", ""))),
        ("user: full-width digits", _get("/v1/users/%EF%BC%90" + INVENTED[1:])),
        ("user: a line break behind it", _get(f"/v1/users/{INVENTED}%0a")),
    ),
    *misfits(
        "file_id",
        ("file: a path", _get("/v1/files/..%5c..%5cdevelopment_secret")),
        ("file: too long", _get("/v1/files/" + "0" * 500)),
    ),
    *misfits("session_id", ("session: a word", request("DELETE /v1/auth/sessions/all", SIGNED_IN))),
    *misfits(
        "size",
        ("avatar: a size that there is not", _get(f"/v1/avatars/{'0' * 32}/77")),
        ("avatar: a size with a sign", _get(f"/v1/avatars/{'0' * 32}/+50")),
    ),
    *misfits("avatar_id", ("avatar: a name of 5,000 letters", _get(f"/v1/avatars/{'0' * 5000}/100"))),
    *[
        Bad(what, _get("/v1/files/<file>", f"Range: {asked}"), 416, "validation_failed", "")
        for what, asked in (
            ("range: behind the end", "bytes=10-"),
            ("range: far behind the end", "bytes=99-100"),
            ("range: the last no bytes", "bytes=-0"),
        )
    ],
    *[
        Bad(what, _get("/v1/files/<file>", b"Range: " + asked), 200)
        for what, asked in (
            ("range: the end before the beginning", b"bytes=4-2"),
            ("range: nothing", b"bytes="),
            ("range: a hyphen", b"bytes=-"),
            ("range: letters", b"bytes=a-b"),
            ("range: lines", b"lines=1-2"),
            ("range: several parts", b"bytes=0-1,4-5"),
            ("range: a thousand parts", b"bytes=" + b"0-1," * 1000 + b"0-1"),
            ("range: a number of 5,000 digits", b"bytes=" + b"1" * 5000 + b"-"),
            ("range: Arabic digits", "bytes=٣-".encode()),
        )
    ],
]  # fmt: skip

PREFLIGHT: Final = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization")
OUR_ORIGIN: Final = "https://molva.example"
_LEAK: Final = b"access-control-allow-origin"
ORIGINS: Final = [
    *[
        Bad(f"asked beforehand: {what}", request("OPTIONS /v1/me", f"Origin: {origin}", *PREFLIGHT), 400, code, "", _LEAK)
        for code in ("validation_failed",)
        for what, origin in (
            ("somebody else's origin", "https://evil.example"),
            ("ours with something behind it", f"{OUR_ORIGIN}.evil.example"),
            ("ours with a port", f"{OUR_ORIGIN}:8443"),
            ("ours without encryption", OUR_ORIGIN.replace("https", "http")),
            ("ours in capitals", OUR_ORIGIN.upper()),
            ("none", "null"),
            ("a star", "*"),
            ("two origins", f"{OUR_ORIGIN} https://evil.example"),
        )
    ],
    Bad("asked beforehand: a method that is not to be had", request(
        "OPTIONS /v1/me", f"Origin: {OUR_ORIGIN}", "Access-Control-Request-Method: TRACE"
    ), 400, "validation_failed", ""),
    Bad("asked beforehand: a header that is not to be had", request(
        "OPTIONS /v1/me", f"Origin: {OUR_ORIGIN}", PREFLIGHT[0], "Access-Control-Request-Headers: x-evil"
    ), 400, "validation_failed", ""),
    Bad("read: somebody else's origin", _get("/v1/me", "Origin: https://evil.example"), 200, absent=_LEAK),
    Bad("read: no origin", _get("/v1/me", "Origin: null"), 200, absent=_LEAK),
    Bad("read: somebody else's origin, and a token that is none", request(
        "GET /v1/me", "Origin: https://evil.example", "Authorization: Bearer x"
    ), 401, "unauthorized", absent=_LEAK),
]  # fmt: skip

_AVATAR_BEGUN: Final = request("PUT /v1/me/avatar", JSON, SIGNED_IN, framing="Content-Length: 1000", body=b'{"image": "')
SLOW: Final = [
    Bad("a request line that does not end", b"GET /v1/m", 408, "validation_failed", ""),
    Bad("headers that do not end", b"GET /v1/me HTTP/1.1\r\nHost: molva.example\r\nX: ", 408, "validation_failed", ""),
    Bad("a body that does not begin", _framed("Content-Length: 1000", body=b""), 408, "validation_failed", ""),
    Bad("a body that does not go on", _framed("Content-Length: 1000"), 408, "validation_failed", ""),
    Bad("a chunk that does not go on", _framed(CHUNKED, body=b"19\r\n{"), 408, "validation_failed", ""),
    Bad("a picture that does not go on", _AVATAR_BEGUN, 408, "validation_failed", ""),
    Bad("nothing", b"", 0, "closed"),
    Bad("empty lines", b"\r\n\r\n", 0, "closed"),
]
"""Sent, and then nothing more."""

GONE: Final = [
    Bad("a body that breaks off", _framed("Content-Length: 1000"), 0, "forgotten"),
    Bad("a picture that breaks off", _AVATAR_BEGUN, 0, "forgotten"),
    Bad("a file that breaks off", request(
        "POST /v1/files", SIGNED_IN, _BOUNDARY, framing="Content-Length: 1000", body=b"--b\r\n"
    ), 0, "forgotten"),
    Bad("an action that breaks off", request(
        "POST /v1/actions/chat:list", JSON, SIGNED_IN, framing="Content-Length: 1000", body=b"{"
    ), 0, "forgotten"),
    Bad("a chunk that breaks off", _framed(CHUNKED, body=b"19\r\n{"), 0, "forgotten"),
]  # fmt: skip
"""Sent, and then the client is gone."""

ANSWERED: Final = {
    "bodies": BODIES,
    "forms": FORMS,
    "where a body ends": FRAMING,
    "request lines and headers": HEADS,
    "paths and ranges": PATHS,
    "origins": ORIGINS,
}
TABLES: Final = {**ANSWERED, "who is slow": SLOW, "who breaks off": GONE}
