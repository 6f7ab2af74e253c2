"""`host:<recipe>` images: a program of this machine over its own root, where no real image is at hand.

`host:nginx` serves /usr/share/nginx/html on port 80, with nginx where it is installed, else with stead's static server;
`host:static` is always the latter; `host:shell` runs the container's own command, or a shell.
"""

import os
import shutil
from collections.abc import Callable

from msgspec import Struct

from stead.machinery.runtime import Mount
from stead.runtimes.images import Image
from stead.runtimes.native import booting

STATIC = "host:static"
_SERVED = "/usr/share/nginx/html"
_INSIDE = "/usr/lib/stead"
WEB_PORT, _PORT_OF_ORDINARY_USERS = 80, 8080


class Place(Struct, frozen=True):
    """Where a recipe will run: the tier, the pod's address, where generated files go, the lowest port allowed."""

    tier: str
    ip: str
    directory: str
    lowest_port: int

    @property
    def address(self) -> str:
        """What to listen on: without a network of its own a pod has only its one address."""
        return self.ip if self.tier == "plain" else "0.0.0.0"

    @property
    def web_port(self) -> int:
        return WEB_PORT if self.tier != "plain" or self.lowest_port <= WEB_PORT else _PORT_OF_ORDINARY_USERS

    def inside(self, path: str) -> str:
        """The path under which the program sees a file of ours."""
        return path if self.tier == "plain" else f"{_INSIDE}/{os.path.basename(path)}"


_ANYWHERE = Place("root", "0.0.0.0", "", 1)


def _static(place: Place) -> Image:
    program = os.path.join(os.path.dirname(__file__), "static_server.py")
    arguments = ("-I", "-S", place.inside(program), _SERVED, place.address, str(place.web_port))
    return Image(
        identity=STATIC,
        entrypoint=(booting.interpreter(), *arguments),
        mounts=(Mount(program, place.inside(program), is_read_only=True),),
    )


_NGINX_CONFIGURATION = """\
daemon off;
worker_processes 1;
user {user};
pid {scratch}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 512; }}
http {{
    {types}
    default_type application/octet-stream;
    access_log /dev/stdout;
    client_body_temp_path {scratch}/body;
    proxy_temp_path {scratch}/proxy;
    fastcgi_temp_path {scratch}/fastcgi;
    uwsgi_temp_path {scratch}/uwsgi;
    scgi_temp_path {scratch}/scgi;
    sendfile on;
    server {{
        listen {address}:{port};
        root {served};
        index index.html;
    }}
}}
"""


def _nginx(place: Place) -> Image:
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        return _static(place)
    path = os.path.join(place.directory, "nginx.conf")
    if place.directory:
        with open(path, "w") as file:
            file.write(_nginx_configuration(place))
    return Image(
        identity="host:nginx",
        entrypoint=(program, "-c", place.inside(path)),
        stop_signal="SIGQUIT",
        mounts=(Mount(path, place.inside(path), is_read_only=True),),
    )


def _nginx_configuration(place: Place) -> str:
    types = "/etc/nginx/mime.types"
    return _NGINX_CONFIGURATION.format(
        user="root root",
        scratch=place.directory if place.tier == "plain" else "/tmp",
        types=f"include {types};" if os.path.exists(types) else "",
        address=place.address,
        port=place.web_port,
        served=_SERVED,
    )


def _shell(place: Place) -> Image:
    return Image(identity="host:shell", command=("/bin/sh",))


_RECIPES: dict[str, Callable[[Place], Image]] = {"nginx": _nginx, "static": _static, "shell": _shell, "/": _shell}


def identity(reference: str) -> str:
    """What will really run for `host:<recipe>`; raises KeyError where there is no such recipe."""
    return cook(reference, _ANYWHERE).identity


def cook(reference: str, place: Place) -> Image:
    """The image `host:<recipe>` for this place; raises KeyError where there is no such recipe."""
    return _RECIPES[reference.removeprefix("host:")](place)
