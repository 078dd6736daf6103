"""``/docs`` without the internet, ``/`` that leads there, and ``/problems/<kind>`` that explains a problem's type."""

from importlib.resources import files

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.staticfiles import StaticFiles

from service.problems import INTERNAL, KINDS

ASSETS_PATH = "/docs/assets"

router = APIRouter(include_in_schema=False)

_KINDS = {kind.slug: (kind, error) for error, kind in KINDS.items()}


def assets() -> StaticFiles:
    """The page's script, style and icon, as files of this installation."""
    return StaticFiles(directory=str(files("fastapi_offline") / "static"))


@router.get("/")
async def root(request: Request) -> RedirectResponse:
    """People who open the bare address see the documentation."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}/docs")


@router.get("/docs")
async def documentation(request: Request) -> HTMLResponse:
    """The API, with the real features of the loaded model, to read and to try."""
    root_path = request.scope.get("root_path", "")
    return get_swagger_ui_html(
        openapi_url=f"{root_path}/openapi.json",
        title="Axon",
        swagger_js_url=f"{root_path}{ASSETS_PATH}/swagger-ui-bundle.js",
        swagger_css_url=f"{root_path}{ASSETS_PATH}/swagger-ui.css",
        swagger_favicon_url=f"{root_path}{ASSETS_PATH}/favicon.png",
        # Without this the page would send the description to a validator on the internet.
        swagger_ui_parameters={"validatorUrl": None, "tryItOutEnabled": True},
    )


@router.get("/problems/{slug}")
async def problem(slug: str) -> PlainTextResponse:
    """What a problem's type means."""
    if slug == INTERNAL.slug:
        return PlainTextResponse(f"{INTERNAL.title} (status {INTERNAL.status})\n")
    if slug not in _KINDS:
        raise HTTPException(404)
    kind, error = _KINDS[slug]
    return PlainTextResponse(f"{kind.title} (status {kind.status})\n\n{error.__doc__}\n")
