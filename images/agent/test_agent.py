"""Tests of the agent's parts that need no container: python3 -m unittest (in this folder)."""
import contextlib, email.utils, io, json, os, shutil, tempfile, threading, time, unittest
from http.server import BaseHTTPRequestHandler, HTTPServer
from unittest import mock

import agent

KEY = "sk-or-secret-0123456789"


def answer(text=None, calls=(), finish="stop"):
    calls = [{"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
             for n, (name, arguments) in enumerate(calls)]
    return 200, {}, {"id": "gen-1", "usage": {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.01}, "choices": [
        {"finish_reason": "tool_calls" if calls else finish,
         "message": {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}}]}


class FakeAPI:
    """An HTTP server that gives the answers it was made with, one a request, and keeps the requests."""
    def __init__(self, answers):
        api, self.requests, answers = self, [], list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                api.requests.append((self.path, dict(self.headers), json.loads(body)))
                status, headers, content = answers.pop(0) if len(answers) > 1 else answers[0]
                content = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": len(content)}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        for patch in (mock.patch.dict(os.environ, {"OPENROUTER_API_KEY": KEY, "PREFLIGHT_MODEL": "test/model",
                                                   "PREFLIGHT_ALIAS": "a1", "PREFLIGHT_RUN_ID": "run-7",
                                                   "PREFLIGHT_BUDGET_FILE": f"{self.folder}/budget.txt"}),
                      mock.patch.object(agent, "OUTPUT_DIR", self.folder)):
            patch.start()
            self.addCleanup(patch.stop)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)


class Prompts(unittest.TestCase):
    def test_params_come_before_the_message(self):
        self.assertEqual(agent.prompt_from(b'{"params":{"message":"a"},"message":"b"}\n'), "a")
        self.assertEqual(agent.prompt_from(b'{"params":{},"message":"b"}'), "b")
        self.assertEqual(agent.prompt_from(b'{"params":null,"message":"b"}'), "b")

    def test_anything_else_is_no_prompt(self):
        for line in (b"", b"\n", b"hello", b"[1]", b"3", b"{}", b'{"message":5}', b'{"message":"  "}', b"\xff\xfe"):
            self.assertIsNone(agent.prompt_from(line), line)


class Prefixes(unittest.TestCase):
    """What a provider's cache goes by."""

    def conversation(self, model="test/model"):
        tools = [agent.tool("zip", "Zip.", [], b={"type": "string"}, a={"type": "string"}), agent.tool("add", "Add.", [])]
        conversation = agent.Conversation(model, tools, "You are.")
        conversation.append({"role": "user", "content": "Do it."})
        return conversation, tools

    def grown(self, model):
        """Requests of a conversation that grows, with news in between."""
        conversation, _ = self.conversation(model)
        requests = [conversation.request(max_tokens=9)]
        for turn in range(4):
            conversation.append({"role": "assistant", "content": f"said {turn}"})
            conversation.append({"role": "tool", "tool_call_id": f"{turn}", "content": f"out {turn}"})
            conversation.mention(f"<budget>{turn}</budget>")
            requests.append(conversation.request(max_tokens=9))
        return requests

    def unmarked(self, value):
        if isinstance(value, dict):
            return {k: self.unmarked(v) for k, v in value.items() if k != "cache_control"}
        return [self.unmarked(v) for v in value] if isinstance(value, list) else value

    def test_each_request_begins_with_the_one_before(self):
        for model in ("test/model", "anthropic/claude", "qwen/qwen3"):
            requests = self.grown(model)
            for earlier, later in zip(requests, requests[1:]):
                self.assertEqual(json.dumps(earlier["tools"]), json.dumps(later["tools"]))
                before, after = self.unmarked(earlier["messages"]), self.unmarked(later["messages"])
                self.assertLess(len(before), len(after))
                self.assertEqual(json.dumps(before), json.dumps(after[:len(before)]))

    def test_tools_stand_in_one_order_and_before_the_messages(self):
        conversation, tools = self.conversation()
        other = agent.Conversation("test/model", tools[::-1], "You are.")
        request = conversation.request()
        self.assertEqual([t["function"]["name"] for t in request["tools"]], ["add", "zip"])
        self.assertEqual(json.dumps(request["tools"]), json.dumps(other.request()["tools"]))
        self.assertLess(list(request).index("tools"), list(request).index("messages"))
        self.assertEqual(request["messages"][0]["role"], "system")

    def test_what_was_sent_cannot_be_changed(self):
        conversation, tools = self.conversation()
        first = conversation.request()
        first["messages"][0]["content"] = tools[0]["function"]["name"] = "edited"
        self.assertEqual(conversation.request()["messages"][0]["content"], "You are.")
        self.assertEqual(conversation.request()["tools"][1]["function"]["name"], "zip")

    def test_news_never_touches_a_message_that_was_sent(self):
        conversation, _ = self.conversation()
        conversation.mention("one")
        self.assertEqual(conversation.request()["messages"][-1]["content"], "Do it.\n\none")
        conversation.mention("two")
        self.assertEqual([m["content"] for m in conversation.request()["messages"][1:]], ["Do it.\n\none", "two"])

    def test_marks_stand_where_the_model_needs_them(self):
        self.assertNotIn("cache_control", json.dumps(self.grown("test/model")))
        for request in self.grown("anthropic/claude"):
            self.assertEqual(request["cache_control"], {"type": "ephemeral"})
            self.assertNotIn("cache_control", json.dumps(request["messages"]))
        for request in self.grown("qwen/qwen3"):
            marked = [n for n, m in enumerate(request["messages"]) if "cache_control" in json.dumps(m)]
            self.assertEqual(marked, [0, len(request["messages"]) - 1])
            self.assertNotIn("cache_control", request)


class Errors(unittest.TestCase):
    def test_codes(self):
        for code, exit_code in ((402, 4), (403, 4), (401, 5), (400, 6), (404, 6)):
            with self.assertRaises(agent.Stop) as caught:
                agent.raise_for(code, "no")
            self.assertEqual((caught.exception.exit_code, caught.exception.code), (exit_code, code))
        for code in (None, 408, 429, 500, 502, 503, 529):
            self.assertRaises(agent.Retry, agent.raise_for, code, "later")

    def test_errors_in_a_body(self):
        self.assertEqual(agent.error_in({"error": {"code": 402, "message": "m"}}), (402, "m"))
        self.assertEqual(agent.error_in({"error": {"code": "429", "message": "m"}}), (429, "m"))
        self.assertEqual(agent.error_in({"error": "oops"}), (None, "oops"))
        self.assertEqual(agent.error_in({"choices": [{"error": {"code": 502, "message": "m"}}]}), (502, "m"))
        for body in ({}, [], None, {"choices": []}, {"choices": [{"message": {}}]}, {"error": None}):
            self.assertIsNone(agent.error_in(body), body)

    def test_retry_after(self):
        self.assertEqual(agent.retry_after("7"), 7)
        self.assertEqual(agent.retry_after("-7"), 0)
        self.assertAlmostEqual(agent.retry_after(email.utils.formatdate(time.time() + 30)), 30, delta=2)
        self.assertIsNone(agent.retry_after(None))
        self.assertIsNone(agent.retry_after("soon"))


class Tools(Case):
    def test_bash(self):
        self.assertEqual(agent.run_tool("bash", {"command": "echo hi; echo ho >&2"}), ("hi\nho\n", False))
        self.assertEqual(agent.run_tool("bash", {"command": "true"}), ("[no output]", False))
        self.assertEqual(agent.run_tool("bash", {"command": "echo no; exit 3"}), ("no\n\n[exit code 3]", True))

    def test_bash_does_not_hand_on_the_key(self):
        self.assertNotIn(KEY, agent.run_tool("bash", {"command": "env"})[0])

    def test_bash_kills_the_whole_group_when_time_is_up(self):
        begun = time.monotonic()
        output, is_error = agent.run_tool("bash", {"command": "echo on; (sleep 1; touch late) & sleep 77", "timeout": 0.3})
        self.assertLess(time.monotonic() - begun, 0.9)
        self.assertEqual((output, is_error), ("on\n\n[killed after 0.3 s]", True))
        time.sleep(1.2)
        self.assertFalse(os.path.exists("late"))

    def test_bash_does_not_wait_for_what_it_left_in_the_background(self):
        begun = time.monotonic()
        for command in ("sleep 3 & echo on", "(for i in $(seq 20000); do echo y; done; sleep 3) & echo on"):
            output, is_error = agent.run_tool("bash", {"command": command})
            self.assertIn("on\n", output)
            self.assertFalse(is_error)
        self.assertLess(time.monotonic() - begun, 2.5)

    def test_long_output_keeps_both_ends(self):
        output, _ = agent.run_tool("bash", {"command": "echo first; head -c 300000 /dev/zero | tr '\\0' x; echo; echo last"})
        self.assertLess(len(output), agent.TOOL_OUTPUT_LIMIT + 100)
        self.assertTrue(output.startswith("first\n") and output.endswith("last\n"))
        self.assertIn(f"[... {300012 - agent.TOOL_OUTPUT_LIMIT} bytes left out ...]", output)

    def test_files(self):
        self.assertFalse(agent.run_tool("write_file", {"path": "a/b.txt", "content": "h\u00e9"})[1])
        self.assertEqual(agent.run_tool("read_file", {"path": "a/b.txt"}), ("h\u00e9", False))
        self.write("big", "x" * 20_000)
        self.assertIn("[... 4000 bytes left out ...]", agent.run_tool("read_file", {"path": "big"})[0])
        os.mkfifo("pipe")
        for path in ("none", "a", "pipe", "\0", None, 0):
            self.assertTrue(agent.run_tool("read_file", {"path": path})[1], path)

    def test_the_budget_text_is_no_work_of_the_agent_nor_what_replaces_it(self):
        with tempfile.TemporaryDirectory() as folder:
            budget = os.path.join(folder, "budget.txt")
            for name in "budget.txt", "budget.txt.123.tmp", "mine.txt":
                open(os.path.join(folder, name), "w").close()
            self.assertEqual(agent.files_in(folder, budget), {os.path.join(folder, "mine.txt")})

    def test_mistakes_of_the_model_are_told_to_it(self):
        for name, arguments in (("fly", {}), ("bash", {}), ("bash", {"command": ["a"]}), ("bash", {"cmd": "a"}),
                                ("bash", {"command": "true", "timeout": "long"}), ("write_file", {"path": ""}),
                                ("write_file", {"path": "x", "content": 5})):
            self.assertTrue(agent.run_tool(name, arguments)[1], (name, arguments))

    def test_arguments(self):
        def parsed(arguments):
            return agent.arguments_of({"function": {"name": "bash", "arguments": arguments}})
        self.assertEqual(parsed('{"a":1}'), {"a": 1})
        self.assertEqual(parsed({"a": 1}), {"a": 1})
        self.assertEqual(parsed(""), {})
        self.assertEqual(parsed(None), {})
        self.assertIsNone(parsed('{"a":'))
        self.assertIsNone(parsed("[1]"))


class Budgets(Case):
    def test_only_news_is_told(self):
        budget = agent.Budget()
        self.assertIsNone(budget.news())
        self.write("budget.txt", "Budget: $0.15 remaining\n")
        self.assertEqual(budget.news(), "Budget: $0.15 remaining")
        self.assertIsNone(budget.news())
        self.write("budget.txt", "")  # caught while it is being written
        self.assertIsNone(budget.news())
        self.write("budget.txt", "Budget: $0.10 remaining")
        self.assertEqual(budget.news(), "Budget: $0.10 remaining")

    def test_without_a_file_the_amount_is_told_once(self):
        os.environ["PREFLIGHT_BUDGET_USD"] = "0.15"
        budget = agent.Budget()
        self.assertEqual(budget.news(), "Budget: $0.15 for this run")
        self.assertIsNone(budget.news())


class Runs(Case):
    def run_agent(self, *answers, line=b'{"message":"go"}\n', arguments=()):
        api = FakeAPI(answers or [answer("done")])
        self.addCleanup(api.close)
        os.environ["OPENROUTER_BASE_URL"] = api.url
        out, err = io.StringIO(), io.StringIO()
        stdin = mock.Mock(buffer=io.BytesIO(line))
        with mock.patch("sys.argv", ["agent.py", *arguments]), mock.patch("sys.stdin", stdin), \
                mock.patch("signal.signal"), mock.patch("time.sleep") as self.sleep, \
                contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = agent.main()
        self.assertNotIn(KEY, out.getvalue() + err.getvalue())
        return status, [json.loads(text) for text in out.getvalue().splitlines()], api.requests

    def test_a_plain_answer(self):
        status, events, requests = self.run_agent(answer("x" * 600))
        self.assertEqual(status, 0)
        self.assertEqual([e["type"] for e in events], ["agent_start", "message_start", "message_end", "agent_end"])
        self.assertEqual(events[2]["usage"]["cost"], 0.01)
        self.assertEqual((events[2]["responseId"], len(events[2]["text"])), ("gen-1", 500))
        path, headers, body = requests[0]
        self.assertEqual((path, headers["Authorization"]), ("/api/v1/chat/completions", f"Bearer {KEY}"))
        self.assertEqual((body["max_tokens"], body["session_id"], body["model"]), (2048, "run-7:a1", "test/model"))
        self.assertEqual([m["role"] for m in body["messages"]], ["system", "user"])

    def test_tool_calls_and_a_prefix_that_stays(self):
        self.write("budget.txt", "Budget: $1")
        status, events, requests = self.run_agent(
            answer(None, [("write_file", {"path": "a.txt", "content": "hi"}), ("bash", {"command": "echo $((6*7)); touch b"})]),
            answer(None, [("bash", {"command": "echo 'Budget: $0.5' > budget.txt; cat a.txt; exit 1"})]),
            answer("done"))
        self.assertEqual(status, 0)
        self.assertEqual([(e["toolName"], e["isError"]) for e in events if e["type"] == "tool_execution_end"],
                         [("write_file", False), ("bash", False), ("bash", True)])
        self.assertEqual([(e["label"], e["files"]) for e in events if e["type"] == "snapshot"],
                         [("write_file a.txt", 1), ("bash", 2)])
        for earlier, later in zip(requests, requests[1:]):
            count = len(earlier[2]["messages"])
            self.assertEqual(json.dumps(later[2]["messages"][:count]), json.dumps(earlier[2]["messages"]))
            self.assertEqual(later[2]["tools"], earlier[2]["tools"])
        last = requests[-1][2]["messages"]
        self.assertEqual([m["role"] for m in last], ["system", "user", "assistant", "tool", "tool", "assistant", "tool"])
        self.assertIn("Budget: $1", last[1]["content"])
        self.assertEqual(last[4]["content"], "42\n")
        self.assertIn("Budget: $0.5", last[6]["content"])

    def test_anthropic_models_get_a_cache_mark(self):
        os.environ["PREFLIGHT_MODEL"] = "anthropic/claude"
        _, _, requests = self.run_agent(arguments=["--system", "Be brief.", "--max-tokens", "99"])
        self.assertEqual(requests[0][2]["cache_control"], {"type": "ephemeral"})
        self.assertEqual(requests[0][2]["messages"][0]["content"], "Be brief.")
        self.assertEqual(requests[0][2]["max_tokens"], 99)

    def test_the_key_goes_neither_out_nor_back(self):
        status, events, requests = self.run_agent(answer(None, [("bash", {"command": f"echo {KEY}"})]), answer(f"It is {KEY}"))
        self.assertEqual(status, 0)
        self.assertEqual(requests[1][2]["messages"][-1]["content"], "***\n")

    def test_max_turns(self):
        status, events, requests = self.run_agent(answer(None, [("bash", {"command": "true"})]), arguments=["--max-turns", "3"])
        self.assertEqual((status, events[-1], len(requests)), (3, {"type": "agent_end", "reason": "max_turns"}, 3))

    def test_cut_off_is_not_done(self):
        status, _, requests = self.run_agent(answer("", finish="length"), answer("done"))
        self.assertEqual((status, len(requests)), (0, 2))

    def test_errors_that_end_the_run(self):
        for status_code, body, expected in ((402, {"error": {"code": 402, "message": "no credit"}}, (4, 402)),
                                            (403, b"<html>", (4, 403)), (401, {}, (5, 401)), (404, {}, (6, 404)),
                                            (200, {"error": {"code": 402, "message": "no credit"}}, (4, 402))):
            status, events, requests = self.run_agent((status_code, {}, body))
            self.assertEqual((status, events[-1]["code"], events[-1]["type"], len(requests)), (*expected, "error", 1))

    def test_errors_that_pass(self):
        status, _, requests = self.run_agent((429, {"Retry-After": "3"}, {}), (503, {"Retry-After": "9999"}, b""),
                                             (200, {}, b"garbage"), (200, {}, {"error": {"message": "?"}}), answer("done"))
        self.assertEqual((status, len(requests)), (0, 5))
        self.assertEqual([call.args[0] for call in self.sleep.mock_calls], [3, agent.MAX_BACKOFF, 4, 8])

    def test_errors_that_do_not_pass(self):
        for body in (b"garbage", {}, [], {"choices": []}, {"choices": [{}]}, {"choices": "x"}):
            status, events, requests = self.run_agent((200, {}, body))
            self.assertEqual((status, events[-1]["type"], len(requests)), (6, "error", agent.RETRIES + 1), body)

    def test_nothing_to_start_with(self):
        status, events, _ = self.run_agent(line=b"")
        self.assertEqual((status, [e["type"] for e in events]), (2, ["error"]))
        self.write("prompt.txt", "from a file")
        os.environ["PREFLIGHT_PROMPT_FILE"] = f"{self.folder}/prompt.txt"
        self.assertEqual(self.run_agent(line=b"")[2][0][2]["messages"][1]["content"], "from a file")
        for name in ("OPENROUTER_API_KEY", "PREFLIGHT_MODEL"):
            with mock.patch.dict(os.environ, {name: ""}):
                status, events, _ = self.run_agent()
                self.assertEqual((status, [e["type"] for e in events]), (2, ["error"]))


if __name__ == "__main__":
    unittest.main()
