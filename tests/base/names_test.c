/* SPDX-License-Identifier: MIT */
/* The words of the trace: each number has some, no two the same, and a strange one is "?". */
#include "estab/estab.h"
#include "harness/test.h"

#include <limits.h>
#include <string.h>

static void
check_table(unsigned count, const char *(*name)(unsigned), const char *(*text)(unsigned))
{
    for (unsigned i = 0; i < count; i++) {
        assert_string_not_equal(name(i), "?");
        assert_string_not_equal(text(i), "?");
        assert_true(i == 0 || text(i)[0] != '\0');
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(name(i), name(k));
    }
    assert_string_equal(name(count), "?");
    assert_string_equal(text(count), "?");
    assert_string_equal(text(UINT_MAX), "?");
}

TEST(every_verdict_reason_and_cause_has_its_words)
{
    check_table(ESTAB_VERDICT_COUNT, estab_verdict_name, estab_verdict_text);
    check_table(ESTAB_REASON_COUNT, estab_reason_name, estab_reason_text);
    check_table(ESTAB_CAUSE_COUNT, estab_cause_name, estab_cause_text);
    check_table(ESTAB_RECOVERY_COUNT, estab_recovery_name, estab_recovery_text);
    check_table(ESTAB_TIMER_COUNT, estab_timer_text, estab_timer_text);
    check_table(ESTAB_MEMORY_COUNT, estab_memory_text, estab_memory_text);
    check_table(ESTAB_TCPS_TIME_WAIT + 1, estab_state_name, estab_state_name);
    check_table(ESTAB_CALL_ABORT + 1, estab_call_text, estab_call_text);
}

TEST(every_drop_names_the_rule_behind_it)
{
    for (unsigned i = 1; i < ESTAB_VERDICT_COUNT; i++)
        assert_true(strlen(estab_verdict_rule(i)) > 4);
    for (unsigned i = 1; i < ESTAB_REASON_COUNT; i++)
        assert_true(strlen(estab_reason_rule(i)) > 4);
    assert_string_equal(estab_verdict_rule(ESTAB_SEG_DROP_PAWS), "RFC 7323 §5.3 R1");
    assert_string_equal(estab_cause_rule(ESTAB_CAUSE_TIME_WAIT_OVER), "RFC 9293 §3.10.8");
    assert_string_equal(estab_verdict_rule(UINT_MAX), "?");
    assert_string_equal(estab_reason_rule(UINT_MAX), "?");
    assert_string_equal(estab_cause_rule(UINT_MAX), "?");
}

TEST(states_are_named_as_in_the_rfc)
{
    assert_string_equal(estab_state_name(ESTAB_TCPS_SYN_RECEIVED), "SYN-RECEIVED");
    assert_string_equal(estab_state_name(ESTAB_TCPS_TIME_WAIT), "TIME-WAIT");
}

TEST(errors_are_named_with_either_sign)
{
    assert_string_equal(estab_err_name(-ESTAB_ECONNRESET), "ECONNRESET");
    assert_string_equal(estab_err_name(ESTAB_ECONNRESET), "ECONNRESET");
    assert_string_equal(estab_err_text(-ESTAB_ECONNRESET), "connection reset by peer");
    assert_string_equal(estab_err_text(ESTAB_ECONNREFUSED), "connection refused");
    assert_string_equal(estab_err_name(0), "OK");
    assert_string_equal(estab_err_text(0), "no error");
    for (int e = 1; e <= ESTAB_EPROTONOSUPPORT; e++) {
        assert_int_equal(estab_err_name(-e)[0], 'E');
        assert_string_not_equal(estab_err_text(-e), "unknown error");
    }
    assert_string_equal(estab_err_name(-ESTAB_EPROTONOSUPPORT - 1), "?");
    assert_string_equal(estab_err_name(INT_MIN), "?");
    assert_string_equal(estab_err_text(INT_MAX), "unknown error");
}

TEST(the_version_is_the_one_of_the_header)
{
    assert_string_equal(estab_version(), ESTAB_VERSION);
}
