"""CORS: which origins browsers may call from. Starlette's middleware, with errors in our form."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from core.errors import ValidationFailed
from http_api.problems import problem_of


class Origins(CORSMiddleware):
    """ASGI middleware: a preflight request that is not allowed is answered with a problem, HTTP 400."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """The response to ``OPTIONS``. A refusal has no ``Access-Control-Allow-Origin``."""
        answer = super().preflight_response(request_headers)
        if answer.status_code < 400:
            return answer
        fault = bytes(answer.body).decode()
        return problem_of(ValidationFailed.at("", fault), status=400, headers={"Vary": answer.headers["Vary"]})
