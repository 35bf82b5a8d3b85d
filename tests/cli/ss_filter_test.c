/* SPDX-License-Identifier: MIT */
/* Which sockets estab ss shows, by the words of ss(8) (cli/ss_filter.h). */
#include "cli/ss_filter.h"
#include "harness/test.h"

#include <string.h>

static const char *const all_states[] = {
    "LISTEN",     "UNCONNECTED", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
    "FIN-WAIT-2", "CLOSE-WAIT",  "CLOSING",  "LAST-ACK",     "TIME-WAIT",
};
enum { N_STATES = sizeof all_states / sizeof all_states[0] };

static struct ss_filter
filter_of(bool listening, bool all, const char *text)
{
    static char copy[200];
    char *words[20], *rest = copy, *word;
    struct ss_filter f;
    struct failure why;
    int n = 0;

    snprintf(copy, sizeof copy, "%s", text);
    while ((word = strsep(&rest, " ")) != NULL)
        if (*word != '\0')
            words[n++] = word;
    estab_ss_filter_init(&f, listening, all);
    if (estab_ss_filter_parse(&f, n, words, &why) < 0)
        fail_msg("%s: %s", text, why.text);
    return f;
}

/* The states that are shown, in the order above, each as one digit. */
static void
shows(bool listening, bool all, const char *text, const char *digits)
{
    struct ss_filter f = filter_of(listening, all, text);

    for (unsigned i = 0; i < N_STATES; i++)
        if (estab_ss_filter_takes(&f, all_states[i], "10.0.0.1", "80", "10.0.0.2", "81") !=
            (digits[i] == '1'))
            fail_msg("%s: %s", text, all_states[i]);
}

TEST(the_states_shown_are_those_of_ss)
{
    shows(false, false, "", "00101111110");
    shows(true, false, "", "11000000000");
    shows(false, true, "", "11111111111");
    shows(false, false, "state time-wait", "00000000001");
    shows(false, false, "state time-wait state listening", "10000000001");
    shows(true, false, "state connected", "00111111111");
    shows(false, false, "state synchronized", "00011111111");
    shows(false, false, "state bucket", "00010000001");
    shows(false, false, "state big", "11101111110");
    shows(false, false, "state all exclude closed", "10111111111");
    shows(false, false, "exclude established", "00100111110");
}

static bool
takes(const char *text, const char *local, const char *port, const char *remote,
      const char *remote_port)
{
    struct ss_filter f = filter_of(false, true, text);

    return estab_ss_filter_takes(&f, "ESTABLISHED", local, port, remote, remote_port);
}

TEST(both_ends_can_be_asked_for)
{
    assert_true(takes("sport = :80", "10.0.0.1", "80", "10.0.0.2", "81"));
    assert_true(takes("sport == 80 and dport eq :81", "10.0.0.1", "80", "10.0.0.2", "81"));
    assert_false(takes("sport = :81", "10.0.0.1", "80", "10.0.0.2", "81"));
    assert_false(takes("sport != :80", "10.0.0.1", "80", "10.0.0.2", "81"));
    assert_true(takes("dport ne :80", "10.0.0.1", "80", "10.0.0.2", "0"));
    assert_false(takes("dport = :80", "10.0.0.1", "80", "*", "0"));
    assert_true(takes("src 10.0.0.0/8 dst 10.0.0.2", "10.0.0.1", "80", "10.0.0.2", "81"));
    assert_false(takes("src 10.0.0.0/8 dst 10.0.0.3", "10.0.0.1", "80", "10.0.0.2", "81"));
    assert_false(takes("src 10.0.0.0/8", "*", "80", "*", "0"));
    assert_false(takes("src ::/0", "10.0.0.1", "80", "10.0.0.2", "81"));
    assert_true(takes("dst 2001:db8::/32", "::1", "80", "2001:db8:1::2", "81"));
}

TEST(what_is_no_filter_is_refused)
{
    static const char *const wrong[] = { "state",      "state frob",     "exclude x",
                                         "sport",      "sport = ",       "sport : 80",
                                         "sport = :0", "dport = :65536", "src 10.0.0.",
                                         "dst",        "frob",           "80" };

    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char copy[40], *words[5], *rest = copy, *word;
        struct ss_filter f;
        struct failure why = { "" };
        int n = 0;

        strcpy(copy, wrong[i]);
        while ((word = strsep(&rest, " ")) != NULL)
            if (*word != '\0')
                words[n++] = word;
        estab_ss_filter_init(&f, false, false);
        if (estab_ss_filter_parse(&f, n, words, &why) == 0)
            fail_msg("%s: taken", wrong[i]);
        assert_true(why.text[0] != '\0');
    }
}

TEST(states_are_written_as_ss_writes_them)
{
    assert_string_equal(estab_ss_state("ESTABLISHED"), "ESTAB");
    assert_string_equal(estab_ss_state("UNCONNECTED"), "UNCONN");
    assert_string_equal(estab_ss_state("TIME-WAIT"), "TIME-WAIT");
    assert_string_equal(estab_ss_state("CLOSED"), "CLOSED");
}
