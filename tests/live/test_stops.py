"""What a stop must outlive, what it must not claim, and what an error of ours must not leave behind."""

from __future__ import annotations

from pathlib import Path

from pains_stage import MID, Stage, quoter

from quotewright.domain.events import ASK
from quotewright.live.carry import read_carry
from quotewright.live.stops import Stop

SECOND = 10**9


def test_a_stop_that_an_operator_asks_for_outlives_a_kill(tmp_path: Path) -> None:
    with Stage(tmp_path, quoter("maker")) as stage:
        stage.begin()
        stage.run(1)
        stage.trade("AAA", ASK, MID - 10, 200)
        stage.run(0.5)
        assert stage.position("AAA") > 0
        stage.word("flatten")
        stage.word("cancel")  # a lesser stop does not take its place
        stage.kill()
        assert read_carry(stage.folder).stop == "flatten"
        stage.begin(settled=False)
        stage.until(lambda: stage.process.ended == "stopped", 60)
        assert not stage.open()
        assert stage.position("AAA") < 10**5
        assert read_carry(stage.folder).stop == ""


def test_a_pause_that_was_taken_back_is_not_taken_up_again(tmp_path: Path) -> None:
    with Stage(tmp_path, quoter("maker")) as stage:
        stage.begin()
        stage.run(1)
        stage.word("pause")
        stage.run(1)
        assert not stage.open()
        assert read_carry(stage.folder).stop == "pause"
        stage.word("resume")
        stage.run(1)
        assert stage.open()
        stage.kill()
        carry = read_carry(stage.folder)
        assert carry.stop == ""
        assert not any(leg.held for leg in carry.legs)


def test_a_flatten_that_cannot_be_is_not_confirmed_and_goes_on_at_the_next_start(tmp_path: Path) -> None:
    with Stage(tmp_path, quoter("maker")) as stage:
        stage.begin()
        stage.run(1)
        stage.trade("AAA", ASK, MID - 10, 200)
        stage.run(0.5)
        held = stage.position("AAA")
        stage.gateway.holds.add("test")  # no order can leave
        assert held > 0
        stop = Stop("flatten", patience=12 * SECOND)
        stage.session.begin_stop(stop, stage.now)
        stage.until(lambda: stage.process.ended == "stopped", 60)
        assert stop.done  # all is cancelled
        assert stop.short
        assert stop.left
        assert stage.position("AAA") == held
        assert not stage.open()
        assert read_carry(stage.folder).stop == "flatten"
        stage.begin(settled=False)
        stage.until(lambda: stage.process.ended == "stopped", 60)
        assert stage.position("AAA") < 10**5
        assert read_carry(stage.folder).stop == ""
