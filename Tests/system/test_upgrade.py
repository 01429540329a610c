"""A store that an older agent wrote is taken over: the boards' SQLite knows less than the host's, on which units are tested."""

import sqlite3

import cbor2

from node import Node

VERSION_1 = """
    CREATE TABLE container (
      id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, request BLOB NOT NULL, phase INTEGER NOT NULL,
      wanted INTEGER NOT NULL, process INTEGER, start_ticks INTEGER, boot TEXT, starts INTEGER NOT NULL,
      restarts INTEGER NOT NULL, end_cause INTEGER, end_number INTEGER, end_peak INTEGER, end_text TEXT,
      end_initiator INTEGER, created INTEGER NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL
    ) STRICT;
    PRAGMA user_version = 1;
"""
ENDED = 4
NAME, ROOT, COMMAND = 1, 2, 3


def test_store_of_version_1(stopped_agent, rootfs, tmp_path):
    connection = sqlite3.connect(tmp_path / "old.db")
    connection.executescript(VERSION_1)
    request = cbor2.dumps({NAME: "dns", ROOT: rootfs, COMMAND: ["true"]})
    for number, name in ((3, "dns"), (7, "gone")):
        row = (number, name, request, ENDED, 0, None, None, None, 2, 0, 0, 5, 0, "", 0, 11, 22, 33)
        connection.execute(f"INSERT INTO container VALUES ({','.join('?' * len(row))})", row)
    connection.execute("DELETE FROM container WHERE id = 7")
    connection.commit()
    connection.close()

    agent = stopped_agent
    agent.machine.run(["mkdir", agent.state_directory]).check()
    agent.machine.put(tmp_path / "old.db", f"{agent.state_directory}/microagent.db")
    node = Node(agent, rootfs)
    for _ in range(2):
        agent.start()
        assert node.names("-a") == ["dns"] and node.end("dns") == (5, "exit code 5")
        assert node.info()["notices"] == []
        agent.stop()
    agent.start()
    assert node.start("true") == "c8", "an id is never given out twice"
    node.remove_all()
