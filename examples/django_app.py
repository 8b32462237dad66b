"""Background generation in a web page, with Django. Run it as examples/README.md says."""

import os
import secrets
import sys
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template import RequestContext, Template
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from segq_client import Client, InvalidFieldsError, Job, NotFoundError, SegqError

TAG = "web"
LARGEST = 20_000_000  # bytes; segq takes no larger photograph

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ.get("DJANGO_SECRET_KEY") or secrets.token_hex(),
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
)
# For Gunicorn and its like: `django_app:application`.
application = get_wsgi_application()

# One for the whole process, whose threads share it. SEGQ_URL and SEGQ_API_KEY say where and with
# which key.
segq = Client.from_env()

HEAD = '<!doctype html><meta charset="utf-8"><title>Repainted</title><h1>Repainted</h1>'
FORM = Template(
    HEAD + '<form method="post" enctype="multipart/form-data">{% csrf_token %}{{ form.as_p }}'
    "<button>Make it</button></form>"
)
STATE = Template(
    HEAD + '{% if not job.is_settled %}<meta http-equiv="refresh" content="2">'
    "<p>It is {{ job.state }}{% if job.waiting_for %} ({{ job.waiting_for }}){% endif %} …</p>"
    '{% elif job.state == "succeeded" %}<p><img src="/jobs/{{ job.id }}/image" alt=""></p>'
    '<p><a href="/">Another</a></p>'
    "{% else %}<p>{{ job.state }}: {{ job.error.message }}{{ job.note|default:'' }}</p>{% endif %}"
)
SORRY = Template(HEAD + "<p>Images cannot be made just now. Please try again.</p>")

View = Callable[..., HttpResponse]


class Order(forms.Form):
    """Each form has a token of its own."""

    photo = forms.FileField(label="Photograph")
    prompt = forms.CharField(label="What it becomes", max_length=500)
    token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)

    def clean_photo(self) -> UploadedFile:
        """Refuses what is too large before it is read."""
        photo: UploadedFile = self.cleaned_data["photo"]
        if (photo.size or 0) > LARGEST:
            raise forms.ValidationError("That photograph is too large.")
        return photo


def told(view: View) -> View:
    """What segq says is for the app's log and not for its visitors."""

    @wraps(view)
    def with_errors(request: HttpRequest, *args: Any, **named: Any) -> HttpResponse:
        try:
            return view(request, *args, **named)
        except NotFoundError:
            raise Http404 from None
        except SegqError:
            return page(request, SORRY, 503)

    return with_errors


@require_http_methods(["GET", "POST"])
@told
def order(request: HttpRequest) -> HttpResponse:
    """The same form again, as of a double click, leads to the same job."""
    form = Order(request.POST or None, request.FILES or None)
    if form.is_valid():
        photo, prompt, token = (form.cleaned_data[name] for name in ("photo", "prompt", "token"))
        try:
            job = segq.submit(
                "ssd-canny",
                {"image": photo, "prompt": prompt},
                idempotency_key=str(token),
                tags=[TAG],
            )
        except InvalidFieldsError as error:
            for wrong in error.errors:
                form.add_error(None, f"{wrong.field} {wrong.message}")
        else:
            return redirect(f"/jobs/{job.id}")
    return page(request, FORM, 422 if form.errors else 200, form=form)


@require_GET
@told
def show(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """How the job stands; the browser comes again until it is settled."""
    return page(request, STATE, job=own(job_id))


@require_GET
@told
def image(_: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    """The image itself: the browser has no key to fetch it from segq with."""
    job = own(job_id)
    if not job.outputs:
        raise Http404
    output = job.outputs[0]
    kept = {"Cache-Control": "private, max-age=86400"}
    return HttpResponse(segq.read(output), content_type=output.content_type, headers=kept)


def own(job_id: uuid.UUID) -> Job:
    """A job of this page; the key may read others."""
    job = segq.get(str(job_id))
    if TAG not in job.tags:
        raise Http404
    return job


def page(request: HttpRequest, template: Template, status: int = 200, **shown: Any) -> HttpResponse:
    """A whole page, with everything in it escaped."""
    return HttpResponse(template.render(RequestContext(request, shown)), status=status)


urlpatterns = [
    path("", order),
    path("jobs/<uuid:job_id>", show),
    path("jobs/<uuid:job_id>/image", image),
]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
