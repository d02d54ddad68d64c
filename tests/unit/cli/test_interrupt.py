"""Ctrl-C in any command is one line and exit status 130."""

import pytest

from passk.cli import main as command_line


@pytest.mark.parametrize("words", [["ingest"], ["sql", "SELECT 1"], ["report", "maze"], ["export", "out"]])
def test_ctrl_c_is_one_line_and_status_130(words, tmp_path, monkeypatch, capsys):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    for name in ("ingest_items", "ask", "export"):
        monkeypatch.setattr(f"passk.store.{name}", interrupted)
    monkeypatch.setattr("reports.write_report", interrupted)
    monkeypatch.setattr("sys.argv", ["passk", *words])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (130, "")
    assert said.err == "passk: stopped; repeat the command to resume\n"
