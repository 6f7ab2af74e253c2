"""`stead explain sts/web`: why is it not there yet, which rule says so, and what would end the wait.

Of the stead that runs here, or with --kubeconfig of any cluster.
"""

import argparse
import json
import time
from functools import partial

from stead.cli import farexplain, running
from stead.cli.options import add_cluster, add_data, complain, data_directory
from stead.cli.telling import absent, last_words, lines
from stead.kinds.explanation import EXPLANATION
from stead.kinds.paths import path_of
from stead.kinds.registry import BUILT_IN
from stead.kube.client import ClientError

NAMELESS = "default"  # where what has no namespace is explained


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "object",
        metavar="KIND/NAME",
        help="sts/web, pod/web-1, pvc/www-web-0; with --kubeconfig also sts: all that wait",
    )
    parser.add_argument("-n", "--namespace", default="", help="(the context's, default)")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="with --kubeconfig and sts alone")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    add_data(parser)
    add_cluster(parser, "explain an object of a real cluster; nothing is written")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    word, _, name = parsed.object.partition("/")
    kind = BUILT_IN.by_word(word)
    is_far = bool(parsed.kubeconfig or parsed.context)
    if not word or not (name or is_far):
        return complain(f"{parsed.object!r}: KIND/NAME is wanted, such as sts/web or pod/web-1")
    if is_far:
        return farexplain.run(parsed, word.lower(), name)
    namespace = NAMELESS if kind is not None and not kind.is_namespaced else parsed.namespace or NAMELESS
    try:
        client = running.client(data_directory(parsed))
        explained = client.get(path_of(EXPLANATION, namespace, f"{word.lower()}.{name}"))
    except ClientError as error:
        return complain(absent(client, kind or word, namespace, name) if error.code == 404 else error)
    except running.NotRunning as error:
        return complain(error)
    if parsed.output == "json":
        print(json.dumps(explained, indent=2))
    else:
        print("\n".join(lines(explained, time.time(), partial(last_words, client, namespace))))
    return 0
