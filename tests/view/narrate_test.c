/* SPDX-License-Identifier: MIT */
/* The narrator: what it says at each step, that it says it once, and that it never says what the
 * records do not show. */
#include "view/records.h"

#include "view/narrate.h"

static struct sheet
told(const struct story *s, bool both)
{
    struct view_narrator_options o = { .both = both,
                                       .host = { CLIENT, SERVER },
                                       .msl = ESTAB_SEC(1) };
    struct sheet sheet = { 0 };
    struct view_narrator *v = estab_view_narrator_new(&o, sheet_write, &sheet);

    assert_non_null(v);
    for (size_t i = 0; i < s->n; i++)
        if (both || s->r[i].host == CLIENT)
            assert_int_equal(estab_view_narrator_record(v, &s->r[i]), 0);
    assert_int_equal(estab_view_narrator_finish(v), 0);
    estab_view_narrator_free(v);
    return sheet;
}

/* The words stand in this order, each once. */
static void
expect_story(const struct sheet *sheet, const char *const *words)
{
    const char *at = sheet->text;

    for (; *words != NULL; words++) {
        const char *found = strstr(at, *words);

        if (found == NULL)
            fail_msg("\"%s\" does not come next in:\n%s", *words, sheet->text);
        if (strstr(found + 1, *words) != NULL)
            fail_msg("\"%s\" is said twice in:\n%s", *words, sheet->text);
        at = found;
    }
}

/* N1, N2, N4, N6, N9, N10, N12, N13, N16, N17, N18 in the order in which they happen. */
TEST(both_hosts_from_open_to_closed)
{
    static const char *const words[] = {
        "The server opens passively: it listens on port 80",
        "The client opens a connection (active OPEN). It takes a record to remember it by, 256 B",
        "First segment: SYN, with the client's ISN 1000.",
        "The server has the SYN",
        "half-open record, 64 B",
        "Second segment: SYN and ACK in one. It brings the server's own ISN 900000 and expects "
        "1001 next",
        "The client knows that both directions work",
        "Third segment: ACK of the server's ISN plus one. SYN is off",
        "Now the server knows it too",
        "Data: every octet",
        "So far 0 octets went from the client to the server, and 3000 octets came back.",
        "The client closes first",
        "The server acknowledges the FIN, and may go on sending",
        "The server has nothing more to send either",
        "The client now waits in TIME-WAIT for 2 x MSL, here 2.0 s",
        "Why twice",
        "the server gives back all it held",
        "2 x MSL are over: the client gives back the last of it",
        NULL,
    };
    struct story *s = story_new(ESTAB_MS(10));
    struct sheet sheet;

    handshake(s);
    data(s, 3);
    close_both(s);
    sheet = told(s, true);
    expect_story(&sheet, words);
    assert_null(strchr(sheet.text, '{'));
    sheet_free(&sheet);
    free(s);
}

TEST(one_host_tells_what_it_can_know)
{
    static const char *const words[] = {
        "The client opens a connection",
        "First segment: SYN",
        "The second segment comes",
        "The client knows that both directions work",
        "Third segment",
        "When it arrives, the server knows it too",
        "The client closes first",
        "The server acknowledges the FIN",
        "The server has nothing more to send either",
        "The last ACK. The client now waits",
        "2 x MSL are over",
        NULL,
    };
    struct story *s = story_new(ESTAB_MS(10));
    struct sheet sheet;

    handshake(s);
    close_both(s);
    sheet = told(s, false);
    expect_story(&sheet, words);
    assert_null(strstr(sheet.text, "gives back all it held"));
    assert_null(strstr(sheet.text, "half-open record"));
    sheet_free(&sheet);
    free(s);
}

/* N12, exact: ACK and FIN may share a segment. */
TEST(a_merged_fin_and_ack_is_told_as_three)
{
    struct story *s = story_new(ESTAB_MS(10));
    struct estab_trace_segment seg;
    struct sheet sheet;

    handshake(s);
    seg = sends(s, CLIENT, ESTAB_CTL_FIN | ESTAB_CTL_ACK, 0, ESTAB_WHY_FIN, ST(FIN_WAIT_1));
    passes(s, s->delay);
    enters(s, SERVER, ST(ESTABLISHED), ST(CLOSE_WAIT), ESTAB_CAUSE_FIN_ARRIVED);
    arrives(s, SERVER, seg, ESTAB_SEG_ACCEPTED, ST(ESTABLISHED), ST(CLOSE_WAIT));
    (void)sends(s, SERVER, ESTAB_CTL_FIN | ESTAB_CTL_ACK, 0, ESTAB_WHY_FIN, ST(LAST_ACK));
    sheet = told(s, true);
    assert_non_null(strstr(sheet.text, "the close takes three segments instead of four"));
    assert_null(strstr(sheet.text, "half closed"));
    sheet_free(&sheet);
    free(s);
}

/* N14 */
TEST(a_repeated_fin_is_told_each_time)
{
    struct story *s = story_new(ESTAB_MS(10));
    struct estab_trace_segment seg = { .ctl = ESTAB_CTL_FIN | ESTAB_CTL_ACK };
    struct sheet sheet;
    const char *first;

    handshake(s);
    arrives(s, CLIENT, seg, ESTAB_SEG_ACCEPTED_FIN_AGAIN, ST(TIME_WAIT), ST(TIME_WAIT));
    passes(s, ESTAB_SEC(1));
    arrives(s, CLIENT, seg, ESTAB_SEG_ACCEPTED_FIN_AGAIN, ST(TIME_WAIT), ST(TIME_WAIT));
    sheet = told(s, true);
    first = strstr(sheet.text, "starts anew");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "starts anew"));
    sheet_free(&sheet);
    free(s);
}

/* N19, N20, N21 */
TEST(keepalive_probes_are_counted)
{
    static const char *const words[] = {
        "Nothing has come from the client for 2 h. The server sends a keepalive probe",
        "No answer: probe 2.",
        "No answer: probe 10.",
        "10 probes and no answer: the server takes the client for dead",
        NULL,
    };
    struct story *s = story_new(0);
    struct sheet sheet;

    handshake(s);
    passes(s, ESTAB_SEC(7200));
    for (int i = 0; i < 10; i++) {
        (void)sends(s, SERVER, ESTAB_CTL_ACK, 0, ESTAB_WHY_KEEPALIVE_PROBE, ST(ESTABLISHED));
        passes(s, ESTAB_SEC(75));
    }
    enters(s, SERVER, ST(ESTABLISHED), ST(CLOSED), ESTAB_CAUSE_KEEPALIVE_FAILED);
    sheet = told(s, true);
    expect_story(&sheet, words);
    sheet_free(&sheet);
    free(s);
}

/* N8: the client without a record answers the SYN,ACK of an old SYN with a reset. */
TEST(an_old_syn_is_told_as_one)
{
    struct story *s = story_new(ESTAB_MS(10));
    struct estab_trace_segment syn = { .seq = 77, .ctl = ESTAB_CTL_SYN }, seg;
    struct sheet sheet;

    arrives(s, SERVER, syn, ESTAB_SEG_ACCEPTED_SYN, ST(LISTEN), ST(SYN_RECEIVED));
    seg = sends(s, SERVER, ESTAB_CTL_SYN | ESTAB_CTL_ACK, 0, ESTAB_WHY_SYN_ACK, ST(SYN_RECEIVED));
    passes(s, s->delay);
    arrives(s, CLIENT, seg, ESTAB_SEG_DROP_NO_CONNECTION, ST(CLOSED), ST(CLOSED));
    seg = sends(s, CLIENT, ESTAB_CTL_RST, 0, ESTAB_WHY_RST_NO_CONNECTION, ST(CLOSED));
    passes(s, s->delay);
    enters(s, SERVER, ST(SYN_RECEIVED), ST(LISTEN), ESTAB_CAUSE_RST_ARRIVED);
    arrives(s, SERVER, seg, ESTAB_SEG_ACCEPTED_RST, ST(SYN_RECEIVED), ST(LISTEN));
    sheet = told(s, true);
    assert_non_null(strstr(sheet.text, "an old one out of the network. The client says so with a "
                                       "reset, and the server has wasted nothing but a half-open"));
    assert_non_null(strstr(sheet.text, "The server forgets its half-open record"));
    sheet_free(&sheet);
    free(s);
}

TEST(every_sentence_is_written_and_well_formed)
{
    static const char *const keys[] = { "{me}", "{Me}", "{peer}", "{Peer}", "{n}",
                                        "{m}",  "{b}",  "{t}",    "{why}" };

    for (unsigned i = 0; i < SENTENCE_COUNT; i++) {
        const char *text = estab_narrator_sentence(VIEW_ENGLISH, (enum sentence)i), *at;

        assert_true(strlen(text) > 10);
        for (at = strchr(text, '{'); at != NULL; at = strchr(at + 1, '{')) {
            bool known = false;

            for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
                known = known || strncmp(at, keys[k], strlen(keys[k])) == 0;
            if (!known)
                fail_msg("no such key: %s", at);
        }
    }
}

TEST(a_write_error_is_kept)
{
    struct story *s = story_new(0);
    struct sheet sheet = { .fail_after = 200 };
    struct view_narrator *v = estab_view_narrator_new(
        &(struct view_narrator_options){ .both = true, .host = { 0, 1 } }, sheet_write, &sheet);
    int last = 0;

    handshake(s);
    for (size_t i = 0; i < s->n; i++)
        last = estab_view_narrator_record(v, &s->r[i]);
    assert_int_equal(last, -ENOSPC);
    assert_int_equal(estab_view_narrator_finish(v), -ENOSPC);
    assert_int_equal(sheet.refused, 1);
    estab_view_narrator_free(v);
    sheet_free(&sheet);
    free(s);
}
