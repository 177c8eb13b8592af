from unittest.mock import Mock

from runtime import cluster


def test_stop_without_a_supervisor_deletes_only_the_stop_file(settings, tmp_path):
    other_file = tmp_path / "other"
    other_file.touch()
    settings.STOP_FILE = str(tmp_path / "stop")

    cluster._stop_without_supervisor(Mock())

    assert list(tmp_path.iterdir()) == [other_file]
