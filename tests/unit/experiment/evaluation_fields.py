"""What the fields of a benchmark and of an endpoint take: rows of the table in test_fields.py."""

REFERENCE = {"value": ("share", [0, 0.7, 1], []), "label": ("text", ["reward of copying the hint"], [])}
STOPS, NOT_STOPS = [[], ["\n\n"], ("a", "Q:")], ["a", [""], [5], [None], {}, True, ["a"] * 17]
BENCHMARK = {
    "validation": ("truth", [True, False], []),
    "reference_line": ("mapping", [None, {"value": 0.7, "label": "chance"}], [{}, {"value": 0.7}]),
    "metrics": (
        None,
        [[], ["g-pass@0.5", "mg-pass", "cover@1"], ("bayes", "best-of")],
        [["pass"], ["cover"], ["cover@0"], ["cover@1.1"], ["g-pass@.."], ["bayes", "bayes"], [5], "bayes", [""], {}],
    ),
    "by": ("text", ["subject", None], []),
    "problems": ("name", ["test"], []),
    "samples": ("count", [8, 9999], [7, 10_000]),  # pass@8 is asked for
    "k": (None, [[1], (1, 16), [8, 4]], [[], [0], [-1], [17], [1, 1], [1.0], [1.5], [True], ["1"], [None], 8, "8", {}]),
    "temperature": (
        "temperatures",
        [0, 1, [0.5], [1, 0.6, 1.4]],
        [[], [0.6, 0.6], [1, True], [1, "1"], [1, -1], [[1]]],
    ),
    "top_p": ("positive", [1, 0.5], [1.01]),
    "max_response": ("count", [1], []),
    "stop": (None, STOPS, NOT_STOPS),
    "max_failed": ("share", [0, 1], []),
}
ENGINE = {
    "engine": ("mapping", [None, {"url": "http://h/v1", "model": "m"}], [{}, {"url": "http://h"}]),
    "engine.price": ("mapping", [None, {"input": 0, "output": 1.5}], [{}, {"input": 1}]),
    "engine.price.input": ("not negative", [0, 1], []),
    "engine.price.output": ("not negative", [0, 1], []),
    "engine.url": (
        "text",
        ["https://api.openai.com/v1", "http://127.0.0.1:8000/v1/", "http://[::1]:80"],
        ["api.openai.com", "ftp://h", "http://", "http://a:b@h", "http://h?key=a", "http://h:99999", "http://h#a"],
    ),
    "engine.model": ("text", ["gpt", "a/b"], []),
    "engine.api": ("choice", ["chat", "completions"], []),
    "engine.key_variable": ("text", ["OPENAI_API_KEY", "MY_KEY_2"], ["sk-abc", "my key", "a"]),
    "engine.responses_per_request": ("count", [1, 128], [10_000]),
    "engine.logprobs": ("truth", [True, False], []),
    "engine.concurrency": ("count", [1, 64], []),
    "engine.timeout_s": ("positive", [1, 0.5], []),
    "engine.retries": ("natural", [0, 9], []),
}
