"""The real datasets, as ``bench data prepare`` found them (``docs/data.md``).

``bench data prepare`` writes to ``$BENCH_DATA/prepared`` (default: ``data/prepared``), and what it
wrote is picked up here. A dataset that was not prepared is expected in
``$BENCH_DATA/<dataset>/videos`` and ``$BENCH_DATA/<dataset>/annotations``; it may be absent for
``bench plan``.

The released split lists and label files are those under ``$BENCH_RELEASED``, else those that
``bench data prepare --released`` named, else those in ``$BENCH_DATA/released``: the folders
``datasets_splits/`` and ``labels/`` of the ViFi-CLIP release, as they are. The release names K400's
full ``train.txt`` but does not hold it: it is used where somebody has put it beside ``val.txt``,
else made from the official annotations.
"""

from bench.data.official.prepared import configured as _configured

datasets = {
    name: _configured(name)
    for name in ("kinetics400", "kinetics600", "hmdb51", "ucf101", "ssv2", "msrvtt")
}
