"""What uv and pip print, as one sentence. The texts are theirs: uv 0.9 and 0.5, pip 23 and 25."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.stack.plugins.module_utils.package_errors import (
    AGREE,
    CHOOSE,
    LOG_IN,
    REACH,
    absent,
    reason,
)

UV = "Using Python 3.11.7 environment at: /x/v\nerror: No solution found when resolving dependencies\n  cause: "
OLD_UV = "  \u00d7 No solution found when resolving dependencies:\n  ╰─▶ "
SAID = {
    "uv: a dependency is missing": (
        f"{UV}Because there is no version of mlflow-skinny==3.18.0 and all versions of mlflow depend on mlflow-skinny==3.18.0, we can"
        " conclude that all versions of mlflow cannot be used.\n         And because you require mlflow==3.18.0, we can conclude that your"
        " requirements are unsatisfiable.\n",
        f"there is no version of mlflow-skinny==3.18.0 and all versions of mlflow depend on mlflow-skinny==3.18.0: {CHOOSE}.",
    ),
    "uv: broken into lines for a terminal": (
        f"{OLD_UV}Because there is no version of\n      mlflow==9.9 and you require mlflow==9.9,\n      we can conclude that your"
        " requirements\n      are unsatisfiable.\n",
        f"there is no version of mlflow==9.9 and you require mlflow==9.9: {CHOOSE}.",
    ),
    "uv: an unknown package": (
        f"{UV}Because mflow was not found in the package registry and you require mflow, we can conclude that your requirements are"
        " unsatisfiable.\n",
        f"mflow was not found in the package registry and you require mflow: {CHOOSE}.",
    ),
    "uv: no wheel for this Python": (
        f"{UV}Because psycopg2-binary==2.9 has no wheels with a matching Python implementation tag (e.g., `cp311`) and you require"
        " psycopg2-binary==2.9, we can conclude that your requirements are unsatisfiable.\n\nhint: You require CPython 3.11\n",
        "psycopg2-binary==2.9 has no wheels with a matching Python implementation tag (e.g., `cp311`) and you require"
        f" psycopg2-binary==2.9: {CHOOSE}.",
    ),
    "uv: versions that do not go together": (
        f"{UV}Because all versions of conf depend on tiny==2.0 and you require conf, we can conclude that you require tiny==2.0.\n"
        "         And because you require tiny==1.0, we can conclude that your requirements are unsatisfiable.\n",
        f"all versions of conf depend on tiny==2.0 and you require conf: {AGREE}.",
    ),
    "uv: the index wants a login": (
        f"{UV}Because tiny was not found in the package registry and you require tiny, we can conclude that your requirements are"
        " unsatisfiable.\n\nhint: An index URL (http://127.0.0.1:3/simple) could not be queried due to a lack of valid authentication"
        " credentials (401 Unauthorized).\n",
        f"the package index answers 401 Unauthorized: {LOG_IN}.",
    ),
    "uv: the index does not answer": (
        "error: Failed to fetch: http://127.0.0.1:1/simple/tiny/\n  cause: error sending request for url (http://127.0.0.1:1/)\n"
        "  cause: client error (Connect)\n  cause: tcp connect error\n  cause: Connection refused (os error 111)\n",
        f"tiny can't be fetched from the package index (Connection refused): {REACH}.",
    ),
    "uv: a file is gone": (
        "error: Failed to fetch: http://127.0.0.1:3/files/o.whl\n  cause: HTTP status client error (404 Not Found) for url (http://x)\n",
        f"o.whl: the package index answers 404 Not Found: {CHOOSE}.",
    ),
    "uv: no requirement": (
        'error: Failed to parse: `tiny=!=1`\n  cause: no such comparison operator "=!="\n         tiny=!=1\n             ^^^^\n',
        'error: Failed to parse: `tiny=!=1` / cause: no such comparison operator "=!="',
    ),
    "pip: a dependency is missing": (
        "ERROR: Could not find a version that satisfies the requirement mlflow-skinny==3.18.0 (from mlflow) (from versions: 3.17.0)\n"
        "ERROR: No matching distribution found for mlflow-skinny==3.18.0\n",
        f"No matching distribution found for mlflow-skinny==3.18.0: {CHOOSE}.",
    ),
    "pip: versions that do not go together": (
        "The conflict is caused by:\n    The user requested tiny==1.0\n\nERROR: Cannot install conf==1.0 and tiny==1.0 because these"
        " package versions have conflicting dependencies.\nERROR: ResolutionImpossible: for help visit https://pip.pypa.io/\n",
        f"conf==1.0 and tiny==1.0 have conflicting dependencies: {AGREE}.",
    ),
    "pip: the index wants a login": (
        "User for 127.0.0.1:3: \nTraceback (most recent call last):\nEOFError: EOF when reading a line\n",
        f"the package index 127.0.0.1:3 wants a login: {LOG_IN}.",
    ),
    "pip: a certificate": (
        "Could not fetch URL https://x/simple/tiny/: There was a problem confirming the ssl certificate: HTTPSConnectionPool(host='x',"
        " port=443): Max retries exceeded - skipping\nERROR: No matching distribution found for tiny\n",
        f"the certificate of x is not trusted: {REACH}.",
    ),
    "something else": ("error: disk is full\nnote: nothing\n", "error: disk is full"),
    "nothing": ("", "no reason given"),
}


@pytest.mark.parametrize("kind", SAID)
def test_the_telling_line(kind):
    output, sentence = SAID[kind]
    assert reason(output) == sentence


def test_what_no_python_could_have():
    """Another Python may have the wheel, another login the package, and pip does not say which it is."""
    wanted = ["mlflow[auth]==9.9", "Mlflow_Skinny==3.18.0", "mflow", "tiny", "psycopg2-binary==2.9", "conf"]
    found = {kind: absent(output, wanted) for kind, (output, _sentence) in SAID.items()}
    assert {kind: name for kind, name in found.items() if name} == {
        "uv: a dependency is missing": "mlflow-skinny",
        "uv: broken into lines for a terminal": "mlflow",
        "uv: an unknown package": "mflow",
    }
    output, _sentence = SAID["uv: an unknown package"]
    assert [absent(output, [line]) for line in ("other", "mflow; python_version < '3.12'")] == ["", ""]
