"""Which requests the guard refuses, because MLflow would authorize one thing and carry out another."""

from __future__ import annotations

import gzip
import json
import time
import zlib

import pytest
from mlops_guard.request import RefusedError, Request

JSON = (b"content-type", b"application/json")


def request(path: str, method: str = "POST", headers: tuple = (JSON,), query: str = "", prefix: str = "") -> Request:
    scope = {
        "method": method,
        "path": path,
        "headers": headers,
        "query_string": query.encode(),
        "client": ("192.0.2.1", 1),
    }
    return Request.of(scope, prefix)


@pytest.mark.parametrize(
    "path",
    [
        "/api/2.0/mlflow/experiments/get",
        "/ajax-api/3.0/mlflow/traces/search",
        "/graphql",
        "/api/3.0/mlflow/users/permissions/grant",
    ],
)
def test_routes_with_parameters(path):
    assert request(path).has_parameters
    assert request("/ml" + path, prefix="/ml").has_parameters


@pytest.mark.parametrize(
    "path",
    [
        "/v1/traces",
        "/gateway/chat/mlflow/invocations",
        "/api/2.0/mlflow-artifacts/artifacts/1/x/model.bin",
        "/ajax-api/2.0/mlflow/upload-artifact",
        "/api/2.0/mlflow/users/create-ui",
        "/",
        "/static-files/main.js",
    ],
)
def test_routes_whose_bodies_are_left_alone(path):
    assert not request(path).has_parameters


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ('"{\\"experiment_id\\": \\"3\\"}"', "must be a JSON object"),
        ("[1]", "must be a JSON object"),
        ("{", "is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"experiment_id": "1", "experimentId": "3"}', "is given twice"),
        ('{"experiment_id": "1", "experiment_id": "3"}', "is given twice"),
        ('{"a": {"run_id": "1", "runId": "3"}}', "is given twice"),
        ('{"run_id": "r1", "run_uuid": "r2"}', "two names of one run"),
        ('{"run_uuid": "r1", "runId": "r2"}', "two names of one run"),
        *(
            (json.dumps({"experiment_id": value}), "in its plain form")
            for value in ("03", " 3", "+3", "3 ", "\uff103", "3\n", "1_0", "-1", "3.0")
        ),
        *((json.dumps({"experiment_id": value}), "in its plain form") for value in ("", None, 3, 3.0, True, {})),
        *(
            (json.dumps({"experiment_ids": value}), "in its plain form")
            for value in ([3], [""], [None], [["3"]], "03", 3)
        ),
        ('{"experimentId": "03"}', "in its plain form"),
        ('{"experiment_ids": ["1", "03"]}', "in its plain form"),
        ('{"a": [{"experiment_id": "03"}]}', "in its plain form"),
    ],
)
def test_a_body_with_two_meanings_is_refused(body, sentence):
    with pytest.raises(RefusedError, match=sentence) as refused:
        request("/api/2.0/mlflow/runs/search").check_content(body.encode())
    assert refused.value.status == 400


def test_however_deep_a_body_is_it_is_taken_or_refused():
    refused = 0
    for depth in range(20, 520):
        try:
            request("/api/3.0/mlflow/traces").check_content(b'{"a": [' * depth + b"1" + b"]}" * depth)
        except RefusedError as error:
            refused += "nested too deeply" in error.sentence
    assert 0 < refused < 500


def test_a_body_with_many_fields_is_looked_at_in_time():
    began = time.process_time()
    request("/api/2.0/mlflow/runs/log-batch").check_content(json.dumps({f"f{n}": n for n in range(100_000)}).encode())
    assert time.process_time() - began < 2


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_of_another_type_is_refused(kind):
    headers = ((b"content-type", kind.encode()),) if kind else ()
    with pytest.raises(RefusedError, match="must be JSON"):
        request("/api/2.0/mlflow/registered-models/delete", "DELETE", headers).check_content(b'{"name": "victim"}')


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "null",
        "{}",
        '{"experiment_id": "3", "experiment_ids": ["1", "20"], "run_id": "0123", "name": " 3"}',
        '{"run_id": "r1", "run_uuid": "r1", "key": "a"}',
        '{"assessment": {"feedback": {"value": {"experiment_id": "A-03", "user_id": 1, "userId": 2}}}}',
        '{"trace": {"trace_info": {"traceMetadata": {"a_b": "1", "ab": "2"}}}}',
        '{"experiment_ids": []}',
    ],
)
def test_what_clients_send_is_taken(body):
    made = request("/api/2.0/mlflow/runs/create", headers=((b"Content-Type", b"application/json; charset=utf-8"),))
    made.check_content(body.encode())


def test_variables_of_graphql_are_all_looked_at():
    with pytest.raises(RefusedError, match="in its plain form"):
        request("/graphql").check_content(b'{"query": "", "variables": {"value": {"experimentId": "03"}}}')


def test_numbers_in_a_query_of_graphql():
    body = b'{"query": "{ mlflowGetExperiment(input: {experimentId: \\"03\\"}) { experiment { name } } }"}'
    with pytest.raises(RefusedError, match="in their plain form"):
        request("/graphql").check_content(body)
    request("/api/2.0/mlflow/runs/search").check_content(body)


def test_a_get_request_has_no_body():
    with pytest.raises(RefusedError, match="has no body"):
        request("/api/2.0/mlflow/experiments/get", "GET", query="experiment_id=1").check_content(
            b'{"experiment_id": "3"}'
        )


@pytest.mark.parametrize(
    "path",
    [
        "/api/2.0/mlflow/../mlflow/experiments/get",
        "/api//2.0/mlflow/runs/get",
        "/x/./y",
        "//api/2.0/mlflow/runs/get",
        "/a/%2e%2e/b",
        "/a/%2E./b",
        "/a%2f..%2fb",
        "/..",
        "/static-files/../api/2.0/mlflow/runs/get",
        "/health/../api/2.0/mlflow/runs/get",
    ],
)
def test_a_path_with_dots_or_holes_is_refused(path):
    with pytest.raises(RefusedError, match="The path has a segment"):
        request(path, "GET").check_head()


@pytest.mark.parametrize("path", ["/", "/api/2.0/mlflow-artifacts/artifacts/", "/a/...", "/a/b.c/..d", "/100%"])
def test_other_paths_are_taken(path):
    request(path, "GET").check_head()


@pytest.mark.parametrize(
    "query",
    ["experiment_id=03", "experiment_id=%2B3", "experiment_ids=1&experiment_ids=+3", "experiment_id=1&experiment_id=3"],
)
def test_numbers_in_the_query(query):
    with pytest.raises(RefusedError):
        request("/api/2.0/mlflow/experiments/get", "GET", query=query).check_head()


def test_lists_in_the_query_are_taken():
    request("/api/2.0/mlflow/experiments/get", "GET", query="experiment_ids=1&experiment_ids=3&filter=a").check_head()


@pytest.mark.parametrize(
    "query",
    ["run_id=r1&run_uuid=r2", "run_uuid=r2&run_id=r1", "run_uuid=r1&runId=r2", "run_id=r1&run_id=r2&run_uuid=r1"],
)
@pytest.mark.parametrize("path", ["/ajax-api/2.0/mlflow/upload-artifact", "/get-artifact", "/api/2.0/mlflow/runs/get"])
def test_a_query_with_two_runs_is_refused(path, query):
    with pytest.raises(RefusedError, match="two names of one run"):
        request(path, "GET", query=query).check_head()


def test_runs_in_the_query_are_taken():
    request("/api/2.0/mlflow/runs/get", "GET", query="run_id=r1&run_uuid=r1").check_head()
    request("/ajax-api/2.0/mlflow/metrics/get-history-bulk", "GET", query="run_id=r1&run_id=r2").check_head()


def test_head_is_for_pages_alone():
    for path in ("/", "/version", "/health", "/static-files/main.js"):
        request(path, "HEAD").check_head()
    for path in ("/get-artifact", "/api/2.0/mlflow/experiments/get", "/api/2.0/mlflow-artifacts/artifacts/1/x"):
        with pytest.raises(RefusedError, match="HEAD is not answered") as refused:
            request(path, "HEAD").check_head()
        assert refused.value.status == 405


@pytest.mark.parametrize("value", [b"03", b" 3", b"+3", "\uff103".encode()])
def test_the_experiment_of_traces_is_a_plain_number(value):
    with pytest.raises(RefusedError, match="in its plain form"):
        request("/v1/traces", headers=((b"x-mlflow-experiment-id", value),)).check_head()
    request("/v1/traces", headers=((b"x-mlflow-experiment-id", b"3"),)).check_head()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/2.0/mlflow/webhooks", True),
        ("/ajax-api/2.0/mlflow/webhooks/1/test", True),
        ("/ajax-api/3.0/mlflow/demo/delete", True),
        ("/api/2.0/mlflow/users/create-ui", True),
        ("/ajax-api/3.0/jobs/", True),
        ("/ajax-api/3.0/jobs", True),
        ("/ajax-api/3.0/jobs/search", False),
        ("/ajax-api/3.0/mlflow/jobs/1", False),
        ("/ajax-api/3.0/mlflow/demo/generate", False),
        ("/api/2.0/mlflow/webhooks-of-mine", False),
    ],
)
def test_routes_for_admins(path, expected):
    assert request(path).is_for_admins is expected


@pytest.mark.parametrize("name", [b"Content-Type", b"Content-Encoding", b"X-Mlflow-Experiment-Id", b"X-Mlflow-Run-Id"])
def test_a_header_that_is_read_in_two_ways_is_refused(name):
    """Flask reads `application/json,text/plain`, FastAPI the first, and we as well."""
    with pytest.raises(RefusedError, match=f"two {name.decode()} headers"):
        request(
            "/api/2.0/mlflow/runs/search", headers=((name.lower(), b"application/json"), (name, b"text/plain"))
        ).check_head()


def test_two_logins_or_a_second_way_in_are_refused():
    twice = ((b"authorization", b"Basic YTpi"), (b"Authorization", b"Basic YTpj"))
    with pytest.raises(RefusedError, match="two Authorization headers"):
        request("/version", "GET", twice).check_head()
    with pytest.raises(RefusedError, match="X-MLflow-Authorization"):
        request("/version", "GET", ((b"X-MLflow-Authorization", b"Basic YTpi"),)).check_head()


@pytest.mark.parametrize(
    ("header", "login"),
    [
        (b"Basic YTpi", ("a", "b")),
        (b"basic YTpiOmM=", ("a", "b:c")),
        (b"Bearer YTpi", None),
        (b"Basic YQ==", None),
        (b"Basic \xff", None),
        (b"", None),
    ],
)
def test_logins(header, login):
    assert request("/", "GET", ((b"authorization", header),)).login == login


def test_the_resource_of_an_audit_line():
    made = request("/api/2.0/mlflow/users/update-password", "PATCH", query="run_id=r1")
    made.check_content(b'{"username": "bob", "password": "secret", "experimentId": "3", "tags": [1]}')
    assert made.resource() == {"run_id": "r1", "username": "bob", "experiment_id": "3"}


@pytest.mark.parametrize(
    ("path", "prefix", "expected"),
    [
        ("/ml/graphql", "/ml", "/graphql"),
        ("/ml", "/ml", "/"),
        ("/ml/", "/ml", "/"),
        ("/mlx/graphql", "/ml", "/mlx/graphql"),
        ("/ml/ml/health", "/ml", "/ml/health"),
        ("/graphql", "/ml", "/graphql"),
        ("/graphql", "", "/graphql"),
    ],
)
def test_the_static_prefix_is_taken_away_once(path, prefix, expected):
    assert request(path, prefix=prefix).path == expected


@pytest.mark.parametrize("path", ["/health", "/static-files/main.js", "/favicon.ico"])
@pytest.mark.parametrize("prefix", ["", "/ml", "/static-ml", "/healthy"])
def test_what_is_public_is_so_with_a_prefix_and_without(path, prefix):
    assert request(prefix + path, "GET", prefix=prefix).is_public
    assert not request(prefix + "/api" + path, "GET", prefix=prefix).is_public


@pytest.mark.parametrize("variables", ['"{}"', "[]", "1"])
def test_variables_of_graphql_are_an_object(variables):
    with pytest.raises(RefusedError, match="variables are an object"):
        request("/graphql").check_content(b'{"query": "{ test }", "variables": %s}' % variables.encode())


@pytest.mark.parametrize("query", ['["{", "x", "}"]', "{}", "null", "1"])
def test_a_query_of_graphql_is_a_text(query):
    with pytest.raises(RefusedError, match="query is a text"):
        request("/graphql").check_content(b'{"query": %s}' % query.encode())


def test_many_queries_of_graphql_at_once_are_refused():
    with pytest.raises(RefusedError, match="must be a JSON object"):
        request("/graphql").check_content(b'[{"query": "{ test }"}]')


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32", "utf-8-sig"])
def test_json_in_any_encoding_that_mlflow_reads_is_looked_at(encoding):
    with pytest.raises(RefusedError, match=r"in its plain form|is not JSON"):
        request("/api/2.0/mlflow/runs/search").check_content('{"experiment_ids": ["03"]}'.encode(encoding))


def test_names_written_with_escapes_are_looked_at():
    with pytest.raises(RefusedError, match="in its plain form"):
        request("/api/2.0/mlflow/runs/search").check_content(rb'{"experiment_\u0069ds": ["\u00303"]}')


PLACE = "mlflow.artifactLocation"


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/api/2.0/mlflow/traces", {"experiment_id": "1", "tags": [{"key": PLACE, "value": "x"}]}),
        ("PATCH", "/api/2.0/mlflow/traces/tr-1", {"tags": [{"key": PLACE, "value": "x"}]}),
        ("PATCH", "/ajax-api/3.0/mlflow/traces/tr-1/tags", {"key": PLACE, "value": "x"}),
        ("POST", "/api/3.0/mlflow/traces", {"trace": {"trace_info": {"tags": {PLACE: "x"}}}}),
        ("POST", "/api/3.0/mlflow/traces", {"trace": {"traceInfo": {"tags": {"mlflow.trace.archiveLocation": "x"}}}}),
    ],
)
def test_where_artifacts_of_traces_lie_is_said_by_mlflow_alone(method, path, content):
    with pytest.raises(RefusedError, match="said by MLflow alone"):
        request(path, method).check_content(json.dumps(content).encode())
    request(path, method).check_content(json.dumps(content).replace("Location", "Otherwise").encode())


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        (b"", bytes),
        (b"gzip", gzip.compress),
        (b"GZIP", gzip.compress),
        (b"deflate", zlib.compress),
        (b"deflate", lambda body: zlib.compress(body)[2:-4]),
    ],
)
@pytest.mark.parametrize(
    "body",
    [b"\x0a\x27mlflow.traceTag.%s\x12", b'{"a": [{"key": "mlflow.traceTag.%s"}]}', b'{"\\u006dlflow.traceTag.%s": 1}'],
)
def test_the_same_by_opentelemetry(body, encoding, pack):
    made = request("/v1/traces", headers=((b"content-encoding", encoding),))
    with pytest.raises(RefusedError, match="said by MLflow alone"):
        made.check_content(pack(body % PLACE.encode()))
    made.check_content(pack(body % b"mlflow.note"))


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br"])
def test_what_can_not_be_unpacked_is_left_to_mlflow(encoding):
    request("/v1/traces", headers=((b"content-encoding", encoding),)).check_content(b"spans")
