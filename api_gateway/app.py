"""The composition of the API."""

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api_gateway import (
    account_route,
    budget_route,
    change_routes,
    estimate_route,
    health,
    job_routes,
    list_route,
    model_routes,
    openapi,
    output_routes,
    pause_routes,
    resolve_route,
    submit_route,
    tenant_route,
    upload_route,
)
from api_gateway.batches import control_routes as batch_control_routes
from api_gateway.batches import event_route as batch_event_route
from api_gateway.batches import image_routes as batch_image_routes
from api_gateway.batches import result_routes as batch_result_routes
from api_gateway.batches import routes as batch_routes
from api_gateway.batches import upload_route as batch_upload_route
from api_gateway.bodies import BoundedBodies
from api_gateway.hot_routes import HotRoutes
from api_gateway.parts import make_parts, running
from api_gateway.problem_handlers import HANDLED, ProblemsOnly, handle
from api_gateway.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """The ASGI application. Raises `InvalidSetting` for a database URL that cannot be used."""
    # FastAPI's own docs page loads its script from elsewhere: blank offline, and trusted too much
    # for a page into which people type an API key.
    app = FastAPIOffline(
        title="segq",
        version="1",
        description=openapi.DESCRIPTION,
        lifespan=running,
        redoc_url=None,
        # A redirected POST would lose its body with many clients.
        redirect_slashes=False,
        exception_handlers=dict.fromkeys(HANDLED, handle),
        # Nobody sets it up, and asking whether somebody has takes a twentieth of a request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.parts = make_parts(settings)
    app.add_middleware(ProblemsOnly)
    app.add_middleware(HotRoutes)
    app.add_middleware(BoundedBodies, seconds=settings.body_timeout)
    app.state.addresses = []
    for module in (
        submit_route,
        estimate_route,
        job_routes,
        list_route,
        account_route,
        tenant_route,
        budget_route,
        batch_routes,
        batch_upload_route,
        batch_control_routes,
        batch_result_routes,
        batch_image_routes,
        batch_event_route,
        pause_routes,
        change_routes,
        resolve_route,
        output_routes,
        upload_route,
        model_routes,
        health,
    ):
        app.include_router(module.router)
        app.state.addresses += module.router.routes
    openapi.install(app)
    return app
