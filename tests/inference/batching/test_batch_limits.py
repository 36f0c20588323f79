from inference.batching.limits import BatchLimits


def test_without_a_failure_every_kind_has_the_largest_batch_and_all_workers():
    limits = BatchLimits(32, 3)
    assert (limits.most("long", 0.0), limits.at_once(0.0), limits.smallest(0.0)) == (32, 3, 32)


def test_a_limit_is_half_of_what_did_not_fit_and_belongs_to_its_kind():
    limits = BatchLimits(32, 3)
    limits.ran_out("long", 32, 0.0)
    limits.ran_out("long", 16, 0.0)
    limits.ran_out("long", 32, 0.0)  # one that had begun before the others failed: it raises no limit
    assert (limits.most("long", 1.0), limits.most("short", 1.0), limits.smallest(1.0)) == (8, 32, 8)


def test_a_limit_doubles_after_each_while_without_a_failure_up_to_the_largest_batch():
    limits = BatchLimits(32, 3, grow_s=10.0)
    limits.ran_out("long", 16, 0.0)
    assert [limits.most("long", now) for now in (9.0, 10.0, 20.0, 1e9)] == [8, 16, 32, 32]
    limits.ran_out("long", 16, 10.0)
    assert [limits.most("long", now) for now in (19.0, 20.0)] == [8, 16]


def test_after_a_single_item_did_not_fit_one_batch_runs_at_a_time_for_a_while():
    limits = BatchLimits(32, 3, grow_s=10.0)
    limits.ran_out("long", 1, 0.0)
    assert [limits.at_once(now) for now in (0.0, 9.0, 10.0)] == [1, 1, 3]
    assert limits.most("long", 0.0) == 1
