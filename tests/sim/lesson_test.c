/* SPDX-License-Identifier: MIT */
/* What makes a script a lesson, what is played without which rules, and the faults of lessons. */
#include "harness/test.h"

#include "sim/script_lesson.h"
#include "sim/script_run.h"
#include "tests/sim/heap.h"

#include <stdio.h>
#include <string.h>

static void
parse_good(struct sim_script *s, const char *text)
{
    struct sim_script_error error;

    if (!sim_script_parse(s, &heap, text, strlen(text), &error))
        fail_msg("%u:%u: %s", error.line, error.column, error.text);
}

static void
expect_error(const char *text, unsigned line, unsigned column, const char *message)
{
    struct sim_script s;
    struct sim_script_error error;

    if (sim_script_parse(&s, &heap, text, strlen(text), &error))
        fail_msg("understood, but should not be: %s", text);
    sim_script_free(&s);
    if (error.line != line || error.column != column || strcmp(error.text, message) != 0)
        fail_msg("of: %s\nexpected %u:%u: %s\ngot      %u:%u: %s", text, line, column, message,
                 error.line, error.column, error.text);
}

static struct sim_script_result
run_of(const char *text, const char *without)
{
    const struct sim_script_watch nobody = { .ctx = NULL };
    const struct sim_script_how how = { .language = SIM_SAY_ENGLISH, .without = without };
    static struct sim_script_result result;
    static struct sim_script s;

    parse_good(&s, text);
    (void)sim_script_play(&s, &heap, &how, &nobody, &result);
    sim_script_free(&s);
    return result;
}

#define HOSTS "host client\nhost server\nlink client server delay=10ms\n"
#define OPEN HOSTS "server listen 80\nclient connect server:80\nwithin 1s server accept\n"

TEST(a_lesson_has_number_titles_claims_questions_and_counterfactuals)
{
    static struct sim_script s;
    struct sim_word w;

    parse_good(&s, "lesson 7\ntitle en \"One\"\ntitle zh \"\xe4\xb8\x80\"\nclaims N1 N22\n"
                   "host a\nhost b\ncounterfactual paws,time-wait on b en \"x\" zh \"yz\"\n"
                   "question en \"why\" \"because\"\n");
    assert_int_equal(s.lesson, 7);
    assert_int_equal(s.claims, 1u << 1 | 1u << 22);
    assert_int_equal(s.title[SIM_SAY_ENGLISH].len, 3);
    assert_int_equal(s.n_counterfactuals, 1);
    assert_int_equal(s.counterfactual[0].host, 1);
    assert_int_equal(s.counterfactual[0].harm[SIM_SAY_CHINESE].len, 2);
    assert_true(sim_rules_nth(&s, &s.counterfactual[0].rules, 1, &w) &&
                sim_word_is(w, "time-wait"));
    assert_false(sim_rules_nth(&s, &s.counterfactual[0].rules, 2, &w));
    assert_int_equal(s.n_questions, 1);
    sim_script_free(&s);
}

TEST(a_lesson_that_is_wrong_is_told_where)
{
    expect_error("lesson x\n", 1, 8, "expected the number of the lesson, 1 to 999, found \"x\"");
    expect_error("claims N23\n", 1, 8, "expected a claim, N1 to N22, found \"N23\"");
    expect_error("host a\ncounterfactual paws on b \"x\"\n", 2, 24,
                 "expected a host that has been named before, found \"b\"");
    expect_error(HOSTS "harm paws say \"x\"\n", 4, 11,
                 "a harm is an `expect`, or a call with a result");
    expect_error(HOSTS "say \"x\"\nlesson 1\n", 5, 1,
                 "what a lesson is about comes before all that happens");
    expect_error(
        HOSTS "with PAWS expect free\n", 4, 6,
        "expected a rule such as time-wait, or several with commas between them (estab lab "
        "--rules lists them), found \"PAWS\"");
    expect_error(HOSTS "pause client\n", 4, 13,
                 "expected `for` and a time, found the end of the line");
    expect_error(HOSTS "reboot client secret=old\n", 4, 22,
                 "expected `same` or `new`, found \"old\"");
    expect_error(HOSTS "flood server:80 0\n", 4, 17,
                 "expected how many SYNs, 1 to 100000, found \"0\"");
    expect_error(HOSTS "forge client to client RST seq=0\n", 4, 17,
                 "expected a whole host, and another one than that it is forged in the name of");
}

TEST(lines_are_played_with_and_without_rules)
{
    const char *text = HOSTS "with paws expect server listeners 1\n"
                             "without paws expect server listeners 0\n";

    assert_true(run_of(text, NULL).failed);
    assert_false(run_of(text, "paws").failed);
    assert_true(run_of(text, "time-wait").failed);
}

TEST(a_harm_must_be_seen_without_the_rule_and_not_with_it)
{
    struct sim_script_result r = run_of(HOSTS "harm paws expect server listeners 0\n", NULL);

    assert_true(r.failed);
    assert_string_equal(r.text, "this harm is seen although the rule is in force, at 0s");
    r = run_of(HOSTS "harm paws expect server listeners 1\n", NULL);
    assert_false(r.failed);
    assert_int_equal(r.checks, 1);
    r = run_of(HOSTS "harm paws expect server listeners 0\n", "paws");
    assert_false(r.failed);
    assert_int_equal(r.harms, 1);
    assert_int_equal(r.harm_line[0], 4);
    r = run_of(HOSTS "harm paws expect server listeners 1\n", "paws");
    assert_true(r.failed);
    /* one of two rules alone says nothing */
    r = run_of(HOSTS "harm paws,time-wait expect server listeners 1\n", "paws");
    assert_true(!r.failed && r.harms == 0);
}

TEST(without_a_rule_what_is_no_longer_so_is_a_difference)
{
    struct sim_script_result r = run_of(HOSTS "expect server listeners 1\nexpect free\n", "paws");

    assert_false(r.failed);
    assert_int_equal(r.differences, 1);
    assert_int_equal(r.difference[0].line, 4);
    assert_string_equal(r.difference[0].text,
                        "expected server 1 listeners, seen 0 listeners, at 0s");
}

TEST(an_altered_segment_is_dropped_and_sent_again)
{
    struct sim_script_result r =
        run_of(OPEN "alter client data\nclient send \"hello\"\n"
                    "within 5s server receive -> \"hello\"\nexpect client again at-least 1\n",
               NULL);

    assert_false(r.failed);
}

TEST(a_paused_host_hears_everything_later)
{
    struct sim_script_result r =
        run_of(OPEN "pause server for 5s\nclient send \"hello\"\n"
                    "+4s server receive -> EAGAIN\nwithin 2s server receive -> \"hello\"\n"
                    "expect server ESTABLISHED\n",
               NULL);

    assert_string_equal(r.text, "");
}

TEST(a_starving_host_drops_and_recovers_when_it_is_fed)
{
    struct sim_script_result r =
        run_of(HOSTS "server listen 80\nstarve server\nclient connect server:80\n"
                     "+500ms expect server verdict DROP_NO_MEMORY\nfeed server\n"
                     "within 5s server accept -> ok\n",
               NULL);

    assert_string_equal(r.text, "");
}

TEST(a_host_may_keep_its_secret_over_a_reboot)
{
    assert_string_equal(run_of(OPEN "reboot client secret=same\nexpect client free\n", NULL).text,
                        "");
    assert_string_equal(run_of(OPEN "reboot client secret=new\nexpect client free\n", NULL).text,
                        "");
}

/* vuln: BLIND-RST: forged numbers count from what the connection expects. */
TEST(a_forged_reset_is_believed_at_the_edge_only)
{
    assert_string_equal(run_of(OPEN "forge client to server RST seq=5\n"
                                    "expect server verdict DROP_RST_CHALLENGED 1\n"
                                    "expect server ESTABLISHED\n"
                                    "forge client to server RST seq=0\nexpect server CLOSED\n",
                               NULL)
                            .text,
                        "");
}

/* RFC 4987 §3.6: a flood fills the SYN queue, and cookies let the client in. */
TEST(a_flood_costs_half_open_records_up_to_their_limit)
{
    assert_string_equal(run_of(HOSTS "server listen 80 backlog=4\nflood server:80 20\n"
                                     "+30ms expect server half-open 4\n"
                                     "expect server reason SYN_COOKIE 16\n"
                                     "client connect server:80\nwithin 1s server accept -> ok\n",
                               NULL)
                            .text,
                        "");
}

TEST(users_drain_and_pour_by_themselves)
{
    assert_string_equal(run_of(OPEN "server drain\nclient pour 300000\n"
                                    "+5s expect server octets 300000\n"
                                    "expect client lost 0\nexpect client again at-most 0\n",
                               NULL)
                            .text,
                        "");
}

TEST(a_slow_link_has_a_rate_and_a_queue)
{
    assert_string_equal(
        run_of("host client\nhost server\nlink client server delay=10ms rate=1M queue=20ms\n"
               "server listen 80\nclient connect server:80\nwithin 1s server accept\n"
               "server drain\nclient pour 300000\n+1s expect server octets at-most 125000\n"
               "+9s expect server octets 300000\nexpect client lost at-least 1\n",
               NULL)
            .text,
        "");
}

struct heard {
    char said[256];
    unsigned records, dark;
    bool is_dark;
};

static void
hear(void *ctx, const char *text, size_t len)
{
    struct heard *h = ctx;

    snprintf(h->said, sizeof h->said, "%.*s", (int)len, text);
}

static void
darken(void *ctx, bool on)
{
    ((struct heard *)ctx)->is_dark = !on;
}

static void
see(void *ctx, const struct estab_trace *record)
{
    struct heard *h = ctx;

    (void)record;
    h->records++;
    h->dark += h->is_dark;
}

TEST(a_connection_tells_of_itself_and_drawing_can_be_left_out)
{
    struct heard h = { .records = 0 };
    const struct sim_script_watch watch = { .ctx = &h, .trace = see, .say = hear, .draw = darken };
    static struct sim_script_result result;
    static struct sim_script s;

    parse_good(&s, OPEN "draw off\nclient send \"hello\"\n+1s draw on\ntell client\n");
    assert_true(sim_script_run(&s, &heap, SIM_SAY_CHINESE, &watch, &result));
    sim_script_free(&s);
    assert_memory_equal(h.said, "client: ESTABLISHED, cwnd 14480, SRTT ", 38);
    assert_non_null(strstr(h.said, "ms, RTO 2"));
    assert_non_null(strstr(h.said, ", SND.WND 238592, sent 5, received 0"));
    assert_true(h.dark > 0 && h.dark < h.records);
    expect_error(HOSTS "draw\n", 4, 5, "expected `on` or `off`, found the end of the line");
    expect_error(HOSTS "tell nobody\n", 4, 6, "expected a host (client, server), found \"nobody\"");
}
