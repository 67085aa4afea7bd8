# Copyright: The mlops.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = """
name: progress
type: stdout
short_description: Quiet screen output for people
version_added: 0.1.0
author:
  - The mlops.stack contributors (@mlops-stack)
description:
  - On a terminal, the running task and its seconds are shown on one line, which goes away when the task ends.
    Elsewhere, and with C(-v), a task that runs longer than 15 seconds is named then and after each minute.
  - One line stays for each task and host, or item of a loop, that changed something, with its diff under C(--diff).
    In check mode the word is C(would change).
  - A failure is its sentence, without excerpts and JSON. What a task with C(no_log) said is never shown.
  - M(ansible.builtin.debug) prints its text as it is.
  - With C(-v) all tasks are shown with their results, with C(-vvv) failures come with their origin.
requirements:
  - C(stdout_callback = mlops.stack.progress) in C(ansible.cfg)
"""

import atexit
import contextlib
import os
import re
import sys
import textwrap
import threading
import time

import yaml
from ansible import constants as C  # noqa: N812 - the name all of Ansible uses for it
from ansible import context
from ansible.parsing.yaml.dumper import AnsibleDumper
from ansible.playbook.block import Block
from ansible.plugins.callback import CallbackBase

# Where ansible-core was when it failed, which says nothing to the person who reads.
_WRAPPERS = re.compile(
    r"^(?:(?:(?:Task|Action|Module|A '[^']*' expression) failed"
    r"|Finalization of task args for '[^']*' failed"
    r"|Error while (?:resolving value for '[^']*'|evaluating conditional))[:.]\s+)+"
)
# Sentences that say nothing by themselves: what the program wrote does.
_EMPTY = re.compile(r"non-zero return code|Error executing command|Module result deserialization|MODULE FAILURE")
_COLORS = {
    "changed": C.COLOR_CHANGED,
    "would change": C.COLOR_CHANGED,
    "FAILED": C.COLOR_ERROR,
    "ignored": C.COLOR_SKIP,
    "skipped": C.COLOR_SKIP,
    "ok": C.COLOR_OK,
}
_INDENT = " " * 6
# They print while they run, which says enough.
_TALKING = {"mlops.stack.service_logs"}


def _duration(seconds):
    """Return C(4.5 s) or C(2 min 05 s)."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"


def _title(task):
    """Return C(mlflow: Install) for the task C(mlops.stack.mlflow : Install)."""
    name = " ".join(task.get_name().split())
    role, separator, rest = name.partition(" : ")
    return f"{role.rsplit('.', 1)[-1]}: {rest}" if separator and task._role else name


def _is_rescued(task):
    """Return whether a C(rescue) section takes over when this task fails."""
    child, parent = task, task._parent
    while parent:
        if isinstance(parent, Block) and parent.rescue and child._uuid in [each._uuid for each in parent.block]:
            return True
        child, parent = parent, parent._parent
    return False


def _is_censored(result):
    return bool(result.get("censored") or result.get("_ansible_no_log"))


def _is_whole_loop(result):
    """Return whether this sums up a loop, whose items have been reported one by one."""
    return result.task.loop is not None and "results" in result.result


def _sentence(result, event=None):
    """Return why a task failed: C(msg), with the program's output or the first cause where it says too little."""
    if _is_censored(result):
        return "The task has no_log: what it said is hidden."
    text = result.get("msg") or result.get("reason") or "The task failed and did not say why."
    text = "\n".join(map(str, text)) if isinstance(text, list) else str(text)
    text = _WRAPPERS.sub("", text).strip()
    if not _EMPTY.search(text):
        return text
    for key in ("stderr", "stdout", "module_stderr", "module_stdout"):
        if str(result.get(key) or "").strip():
            return "\n".join([text, *str(result[key]).strip().splitlines()[-10:]])
    while event and event.chain:
        event = event.chain.event
    return f"{text}\n{event.msg}" if event and event.msg not in text else text


def _label(result):
    """Return what to call the item of a loop: its label, or the name of an item that is a dictionary."""
    label = None if _is_censored(result) else result.get("_ansible_item_label", result.get("item"))
    if isinstance(label, dict):
        label = label.get("name", label.get("key"))
    return "" if label is None or isinstance(label, (dict, list)) else textwrap.shorten(str(label), 60)


def _yaml(data):
    return yaml.dump(data, Dumper=AnsibleDumper, default_flow_style=False, allow_unicode=True, sort_keys=False)


class _Step:
    """A task while hosts work on it."""

    def __init__(self, title):
        self.title = title
        self.started = time.monotonic()
        self.hosts = {}  # name of a host at work -> when it started, or ended its last item
        self.retrying = ""
        self.next_notice = 15  # seconds


class CallbackModule(CallbackBase):
    """The quiet output. The one lock is the display's: it also keeps our thread from writing while Ansible forks."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "mlops.stack.progress"

    def __init__(self):
        super().__init__()
        self._lock = self._display._lock
        self._verbose = self._display.verbosity > 0
        self._live = sys.stdout.isatty() and not self._verbose and os.environ.get("TERM", "dumb") != "dumb"
        self._pid = os.getpid()
        self._drawn = self._printed = self._many_hosts = False
        self._steps = {}
        self._header = self._thread = None
        self._warned = set()
        self._started = time.monotonic()
        atexit.register(self._stop_thread)  # Ctrl-C and errors of Ansible end without v2_playbook_on_stats
        if self._live:
            # Others print too (warnings, prompts): what they print must not land on our line.
            display = self._display.display

            def display_above(*args, **kwargs):
                if os.getpid() != self._pid:  # a worker, which hands its text to the main process
                    display(*args, **kwargs)
                    return
                with self._lock:
                    self._erase()
                    display(*args, **kwargs)

            self._display.display = display_above

    # The thread, and the line that goes away

    def _run_thread(self, stopping):
        # The reader of a pipe may be gone (`| head`): then there is nobody to tell.
        with contextlib.suppress(OSError, ValueError):
            while not stopping.wait(1):
                with self._lock:
                    self._draw() if self._live else self._notice()

    def _stop_thread(self):
        if self._thread and os.getpid() == self._pid:
            self._stopping.set()
            self._thread.join()
            self._thread = None
            with contextlib.suppress(OSError, ValueError):
                self._erase()

    def _notice(self):
        for step in self._steps.values():
            elapsed = time.monotonic() - step.started
            if step.hosts and elapsed >= step.next_notice:
                self._say_header()
                self._say(f"  ... {step.title} ({step.next_notice} s)")
                step.next_notice = int(elapsed // 60 + 1) * 60
        sys.stdout.flush()  # nobody else does before the end

    def _erase(self):
        if self._drawn:
            self._drawn = False
            sys.stdout.write("\r\033[K")
            sys.stdout.flush()

    def _draw(self):
        running = [step for step in self._steps.values() if step.hosts]
        if not self._live or not running:
            self._erase()
            return
        step = min(running, key=lambda each: each.started)
        suffix = f"  {int(time.monotonic() - step.started)} s{step.retrying}"
        if self._many_hosts:
            suffix += f"  ({len(step.hosts)} hosts)" if len(step.hosts) > 1 else f"  [{next(iter(step.hosts))}]"
        try:
            width = (os.get_terminal_size(sys.stdout.fileno()).columns or 80) - 1
        except OSError:
            width = 79
        # A line that wraps can't be erased. The title gives way, not the seconds.
        text = f"  running  {step.title}"[: max(0, width - len(suffix))] + suffix
        sys.stdout.write(f"\r{text[:width]}\033[K")
        sys.stdout.flush()
        self._drawn = True

    # The lines that stay

    def _say(self, text, color=None):
        self._display.display(text, color=color)
        self._printed = True

    def _say_header(self):
        if self._header:
            self._say(f"\n{self._header}" if self._printed else self._header)
            self._header = None

    def _say_line(self, word, result, item):
        self._say_header()
        host, step = result.host.get_name(), self._steps.get(result.task._uuid)
        line = f"  {word}  {step.title if step else _title(result.task)}"
        if item and _label(result.result):
            line += f" ({_label(result.result)})"
        if self._many_hosts:
            line += f"  [{host}]"
        if step and host in step.hosts and word not in ("FAILED", "ignored"):
            line += f"  {_duration(time.monotonic() - step.hosts[host])}"
        self._say(line, _COLORS[word])

    def _say_warnings(self, result):
        warnings = [*(result.get("warnings") or [])]
        warnings += [each["msg"] for each in result.get("deprecations") or [] if C.DEPRECATION_WARNINGS]
        for warning in [] if _is_censored(result) else warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                self._say(f"warning: {' '.join(str(warning).split())}", C.COLOR_WARN)

    def _say_details(self, result):
        """Print the diff of a result under --diff, and the result itself under -v."""
        data = result.result
        if result.task.diff and data.get("changed") and data.get("diff") and not _is_censored(data):
            # Its last line breaks are in colour on a terminal, where rstrip() would not see them.
            diff = re.sub(r"\n(?:\033\[[0-9;]*m|\s)*$", "", self._get_diff(data["diff"]))
            if diff:
                self._say(textwrap.indent(diff, _INDENT))
        if self._verbose:
            self._say(textwrap.indent(self._dump_results(data, indent=2), _INDENT))

    def _serialize_diff(self, diff):
        return _yaml(diff)  # CallbackBase would write JSON

    def _say_debug(self, result):
        """Print what a debug task says, as plain text: a C(msg) of text or lines as it is, all else as YAML."""
        hidden = ("warnings", "deprecations", "exception", result.result.get("ansible_loop_var"))
        self._clean_results(result.result, result.task.action)
        said = {k: v for k, v in result.result.items() if k not in hidden and not k.startswith("_ansible")}
        text = said.get("msg", said)
        if isinstance(text, list) and all(isinstance(line, str) for line in text):
            text = "\n".join(text)
        text = _yaml(text).rstrip() if isinstance(text, (dict, list)) else str(text)
        if self._many_hosts and not result.task.run_once:
            text = f"[{result.host.get_name()}]" + ("\n" if "\n" in text else " ") + text
        self._say(text)

    def _report(self, result, word="ok", item=False):
        with self._lock:
            step, host, data = self._steps.get(result.task._uuid), result.host.get_name(), result.result
            self._say_warnings(data)
            if word == "ok" and data.get("changed"):
                word = "would change" if result.task.check_mode else "changed"
            if not item and _is_whole_loop(result):
                pass
            elif word == "FAILED" or (word == "ignored" and self._verbose):
                self._say_line(word, result, item)
                event = result.exception.event if result.exception else None
                self._say(textwrap.indent(_sentence(data, event), _INDENT), _COLORS[word])
                if self._display.verbosity > 2 and not _is_censored(data):
                    self._handle_exception(data)
                if self._verbose:
                    self._say_details(result)
            elif word == "ok" and result.task.action in C._ACTION_DEBUG:
                if not _is_censored(data):
                    self._say_debug(result)
            elif self._verbose or word in ("changed", "would change"):
                self._say_line(word, result, item)
                self._say_details(result)
            if step and item:
                step.hosts[host] = time.monotonic()
            elif step:
                step.hosts.pop(host, None)
            self._draw()

    # The events of Ansible

    def v2_playbook_on_start(self, playbook):
        self._started = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run_thread, args=[self._stopping], daemon=True)
        self._thread.start()

    def v2_playbook_on_play_start(self, play):
        with self._lock:
            self._steps.clear()
            self._header = play.get_name().strip()
            self._many_hosts = len(play.get_variable_manager().get_vars(play=play)["ansible_play_hosts_all"]) > 1

    def v2_playbook_on_task_start(self, task, is_conditional):
        with self._lock:
            step = self._steps.get(task._uuid)
            if not step or not step.hosts:  # the free strategy tells it again for each host
                self._steps[task._uuid] = _Step(_title(task))  # variables in the name are filled in only now

    def v2_playbook_on_handler_task_start(self, task):
        self.v2_playbook_on_task_start(task, False)

    def v2_runner_on_start(self, host, task):
        with self._lock:
            step = self._steps.setdefault(task._uuid, _Step(_title(task)))
            if task.action not in _TALKING:
                step.hosts[host.get_name()] = time.monotonic()
            self._draw()

    def v2_runner_retry(self, result):
        with self._lock:
            if result.task._uuid in self._steps:
                # Without a count: ansible-core 2.19 and 2.21 mean different things by `attempts`.
                self._steps[result.task._uuid].retrying = "  (retrying)"

    def v2_runner_on_ok(self, result):
        self._report(result)

    def v2_runner_item_on_ok(self, result):
        self._report(result, item=True)

    def v2_runner_on_skipped(self, result):
        self._report(result, "skipped")

    def v2_runner_item_on_skipped(self, result):
        self._report(result, "skipped", item=True)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._report(result, "ignored" if ignore_errors or _is_rescued(result.task) else "FAILED")

    def v2_runner_item_on_failed(self, result):
        ignored = result.task.ignore_errors or result.result.get("unreachable")
        self._report(result, "ignored" if ignored or _is_rescued(result.task) else "FAILED", item=True)

    def v2_runner_on_unreachable(self, result):
        with self._lock:
            if self._verbose or not result.task.ignore_unreachable:
                items = [item for item in result.result.get("results") or [] if item.get("unreachable")]
                sentence = _sentence(items[0] if items else result.result)
                self._say_header()
                self._say(f"  UNREACHABLE {result.host.get_name()}: {sentence}", C.COLOR_UNREACHABLE)
            if result.task._uuid in self._steps:
                self._steps[result.task._uuid].hosts.pop(result.host.get_name(), None)
            self._draw()

    def v2_playbook_on_stats(self, stats):
        self._stop_thread()
        elapsed, failed = _duration(time.monotonic() - self._started), False
        if self._printed:
            self._say("")
        width = max(map(len, stats.processed), default=0)
        for host in sorted(stats.processed):
            counts = stats.summarize(host)
            counts["failed"] = counts["failures"]
            wrong = counts["failed"] or counts["unreachable"]
            failed = failed or wrong
            # The form of the default callback, which programs read (molecule: changed=N).
            keys = ("ok", "changed", "unreachable", "failed", "skipped", "rescued", "ignored")
            text = " ".join(f"{key}={counts[key]}" for key in keys)
            color = C.COLOR_ERROR if wrong else C.COLOR_CHANGED if counts["changed"] else C.COLOR_OK
            self._say(f"{host:<{width}} : {text}", color)
        if not stats.processed:
            self._say("No host matched: nothing was done.", C.COLOR_WARN)
        check = " (check mode: nothing was changed)" if context.CLIARGS.get("check") else ""
        self._say(f"{'Failed after' if failed else 'Done in'} {elapsed}{check}")
