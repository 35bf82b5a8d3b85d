/* SPDX-License-Identifier: MIT */
/* Rows and phrases: characters in columns, numbers as people read them. */
#include "view/records.h"

#include "view/row.h"

static char *
text_of(const struct row *row)
{
    static char out[4096];
    struct sheet sheet = { 0 };

    assert_int_equal(estab_row_write(row, sheet_write, &sheet), 0);
    snprintf(out, sizeof(out), "%s", sheet.text);
    sheet_free(&sheet);
    return out;
}

TEST(wide_characters_take_two_columns)
{
    struct row row = { .width = 80 };

    estab_row_clear(&row);
    assert_int_equal(estab_row_put(&row, 0, STYLE_PLAIN, "三次握手"), 8);
    estab_row_put(&row, 9, STYLE_PLAIN, "x");
    assert_string_equal(text_of(&row), "三次握手 x\n");
    /* Half of one is none. */
    estab_row_put(&row, 1, STYLE_PLAIN, "y");
    assert_string_equal(text_of(&row), " y次握手 x\n");
}

TEST(text_beyond_the_row_is_cut)
{
    struct row row = { .width = 80 };

    estab_row_clear(&row);
    assert_int_equal(estab_row_put(&row, 78, STYLE_PLAIN, "abc"), 80);
    assert_int_equal(estab_row_put(&row, 79, STYLE_PLAIN, "手"), 79);
    assert_int_equal(estab_row_put(&row, 500, STYLE_PLAIN, "abc"), 500);
    assert_int_equal(strlen(text_of(&row)), 81);
}

TEST(rows_break_at_spaces_and_between_wide_characters)
{
    struct row row = { .width = 80 };

    assert_int_equal(estab_row_break(&row, "one two three", 8), 7);
    assert_int_equal(estab_row_break(&row, "one two", 80), 7);
    assert_int_equal(estab_row_break(&row, "unbreakable", 4), 4);
    assert_int_equal(estab_row_break(&row, "三次握手", 5), 6);
    assert_int_equal(estab_row_break(&row, "握", 1), 3);
    assert_int_equal(estab_row_break(&row, "mss\302\2401460 x", 9), 9);
}

static const char *
phrased(void (*add)(struct phrase *, uint64_t), uint64_t n)
{
    static struct phrase p;

    p = (struct phrase){ .len = 0 };
    add(&p, n);
    return p.s;
}

TEST(numbers_have_commas)
{
    assert_string_equal(phrased(estab_phrase_number, 0), "0");
    assert_string_equal(phrased(estab_phrase_number, 999), "999");
    assert_string_equal(phrased(estab_phrase_number, 61320), "61,320");
    assert_string_equal(phrased(estab_phrase_number, UINT64_MAX), "18,446,744,073,709,551,615");
}

TEST(bytes_have_units)
{
    assert_string_equal(phrased(estab_phrase_bytes, 128), "128 B");
    assert_string_equal(phrased(estab_phrase_bytes, 1024), "1 KiB");
    assert_string_equal(phrased(estab_phrase_bytes, 4224), "4,224 B");
    assert_string_equal(phrased(estab_phrase_bytes, 131512), "128.4 KiB");
    assert_string_equal(phrased(estab_phrase_bytes, 3 << 20), "3 MiB");
}

static void
add_duration(struct phrase *p, uint64_t n)
{
    estab_phrase_duration(p, (estab_time)n);
}

TEST(durations_are_short)
{
    assert_string_equal(phrased(add_duration, 0), "0 µs");
    assert_string_equal(phrased(add_duration, 143000), "143 µs");
    assert_string_equal(phrased(add_duration, 2400000), "2.4 ms");
    assert_string_equal(phrased(add_duration, ESTAB_MS(10)), "10 ms");
    assert_string_equal(phrased(add_duration, ESTAB_SEC(2)), "2.0 s");
    assert_string_equal(phrased(add_duration, ESTAB_SEC(75)), "1 min 15 s");
    assert_string_equal(phrased(add_duration, ESTAB_SEC(7200)), "2 h");
    assert_string_equal(phrased(add_duration, ESTAB_SEC(7950)), "2 h 12 min 30 s");
    assert_string_equal(phrased(add_duration, ESTAB_NEVER), "for ever");
}

TEST(times_between_any_two_instants_do_not_overflow)
{
    assert_true(estab_time_between(INT64_MIN, INT64_MAX) == INT64_MAX);
    assert_true(estab_time_between(INT64_MAX, INT64_MIN) == INT64_MIN);
    assert_true(estab_time_between(-5, 5) == 10);
    assert_true(estab_time_between(INT64_MAX, INT64_MAX) == 0);
}

TEST(the_rfc_that_goes_without_saying_is_not_said)
{
    struct phrase p = { .len = 0 };

    estab_phrase_rule(&p, "RFC 6298 §5; RFC 9293 §3.8.3 (MUST-22)");
    assert_string_equal(p.s, "RFC 6298 §5; §3.8.3 (MUST-22)");
}

TEST(a_phrase_never_overflows)
{
    struct phrase p = { .len = 0 };

    for (int i = 0; i < 1000; i++)
        estab_phrase_add(&p, "0123456789");
    assert_int_equal(strlen(p.s), sizeof(p.s) - 1);
    assert_int_equal(p.len, sizeof(p.s) - 1);
}
