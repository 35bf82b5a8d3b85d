/* SPDX-License-Identifier: MIT */
/* The whole matrix: every state, every set of control bits, every place of SEQ and ACK. */
#include "harness/test.h"

#include "matrix/grid.c"

TEST(every_segment_in_every_state_is_answered_as_the_rfcs_ask)
{
    const char *shown = getenv("ESTAB_MATRIX_SHOW");
    uint64_t every = grid_stride();
    struct grid_result r =
        run_grid(every, NULL, NULL, shown != NULL ? (unsigned)strtoul(shown, NULL, 10) : 20);

    printf("matrix: %" PRIu64 " cases, %" PRIu64 " mismatches\n", r.cases, r.mismatches);
    assert_true(every > 1 || r.cases >= 250000);
    assert_true(r.cases > 0);
    assert_int_equal(r.mismatches, 0);
}
