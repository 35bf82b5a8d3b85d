/* SPDX-License-Identifier: MIT */
/* The command line of `estab wan` and the path that it describes (cli/wan_options.h). */
#include "cli/wan_options.h"
#include "harness/test.h"

#include <string.h>
#include <unistd.h>

static struct wan_options o;

/* Parses a line; the exit status, or -1. What is said goes nowhere. */
static int
parse(const char *line)
{
    static char copy[500];
    char *argv[40], *rest = copy, *word;
    int argc = 1, saved = dup(STDERR_FILENO), status;

    assert_true(strlen(line) < sizeof copy);
    strcpy(copy, line);
    argv[0] = (char[]){ "wan" };
    while ((word = strsep(&rest, " ")) != NULL)
        if (word[0] != '\0')
            argv[argc++] = word;
    argv[argc] = NULL;
    fflush(stderr);
    assert_non_null(freopen("/dev/null", "w", stderr));
    status = estab_wan_options(&o, argc, argv);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    return status;
}

static struct sim_path_config
path_of(const char *line)
{
    assert_int_equal(parse(line), -1);
    return estab_wan_path(&o, 1500);
}

TEST(times_are_milliseconds_unless_they_say_otherwise)
{
    estab_time t;

    assert_true(estab_wan_parse_time("50", &t) && t == ESTAB_MS(50));
    assert_true(estab_wan_parse_time("0", &t) && t == 0);
    assert_true(estab_wan_parse_time("0.25ms", &t) && t == ESTAB_US(250));
    assert_true(estab_wan_parse_time("30us", &t) && t == ESTAB_US(30));
    assert_true(estab_wan_parse_time("1.5s", &t) && t == ESTAB_MS(1500));
    assert_true(estab_wan_parse_time("60s", &t));
    assert_false(estab_wan_parse_time("61s", &t));
    assert_false(estab_wan_parse_time("", &t));
    assert_false(estab_wan_parse_time("-1", &t));
    assert_false(estab_wan_parse_time("1.", &t));
    assert_false(estab_wan_parse_time("1.2.3", &t));
    assert_false(estab_wan_parse_time("5m", &t));
    assert_false(estab_wan_parse_time("50 ms", &t));
    assert_false(estab_wan_parse_time("99999999999999999999999999999999999", &t));
}

TEST(percentages_go_from_0_to_100_in_millionths)
{
    uint32_t ppm;

    assert_true(estab_wan_parse_percent("0", &ppm) && ppm == 0);
    assert_true(estab_wan_parse_percent("0.0001", &ppm) && ppm == 1);
    assert_true(estab_wan_parse_percent("1%", &ppm) && ppm == 10000);
    assert_true(estab_wan_parse_percent("100", &ppm) && ppm == SIM_PPM);
    assert_false(estab_wan_parse_percent("100.1", &ppm));
    assert_false(estab_wan_parse_percent("%", &ppm));
    assert_false(estab_wan_parse_percent("x", &ppm));
}

TEST(rates_are_megabits_unless_they_say_otherwise)
{
    uint64_t bits;

    assert_true(estab_wan_parse_rate("10", &bits) && bits == 10000000);
    assert_true(estab_wan_parse_rate("512k", &bits) && bits == 512000);
    assert_true(estab_wan_parse_rate("2.5Gbit", &bits) && bits == 2500000000u);
    assert_true(estab_wan_parse_rate("0.001", &bits) && bits == 1000);
    assert_false(estab_wan_parse_rate("0", &bits));
    assert_false(estab_wan_parse_rate("101g", &bits));
    assert_false(estab_wan_parse_rate("10MB", &bits));
}

TEST(a_queue_is_packets_octets_time_or_products)
{
    struct wan_way w;

    assert_true(estab_wan_parse_queue("100", &w));
    assert_true(w.queue == WAN_QUEUE_PACKETS && w.queue_size == 100);
    assert_true(estab_wan_parse_queue("64kB", &w));
    assert_true(w.queue == WAN_QUEUE_OCTETS && w.queue_size == 64000);
    assert_true(estab_wan_parse_queue("20ms", &w));
    assert_true(w.queue == WAN_QUEUE_TIME && w.queue_size == (uint64_t)ESTAB_MS(20));
    assert_true(estab_wan_parse_queue("1.5bdp", &w));
    assert_true(w.queue == WAN_QUEUE_BDP && w.queue_size == 1500);
    assert_false(estab_wan_parse_queue("0", &w));
    assert_false(estab_wan_parse_queue("1.5", &w));
    assert_false(estab_wan_parse_queue("2000000p", &w));
    assert_false(estab_wan_parse_queue("10x", &w));
}

TEST(options_are_for_both_directions_until_one_is_named)
{
    struct sim_path_config cfg =
        path_of("--delay 10 --loss 1 --up --rate 1 --delay 30 --down --rate 10 --both "
                "--duplicate 2 a b");

    assert_true(cfg.way[0].link.delay == ESTAB_MS(30) && cfg.way[1].link.delay == ESTAB_MS(10));
    assert_int_equal(cfg.way[0].link.bits_per_second, 1000000);
    assert_int_equal(cfg.way[1].link.bits_per_second, 10000000);
    for (unsigned d = 0; d < 2; d++) {
        assert_int_equal(cfg.way[d].link.faults.loss_ppm, 10000);
        assert_int_equal(cfg.way[d].link.faults.duplicate_ppm, 20000);
        assert_true(cfg.way[d].link.heal_at == ESTAB_NEVER);
    }
}

TEST(a_round_trip_is_halved)
{
    struct sim_path_config cfg = path_of("--rtt 25 a b");

    assert_true(cfg.way[0].link.delay == ESTAB_US(12500));
    assert_true(cfg.way[1].link.delay == ESTAB_US(12500));
}

TEST(a_queue_of_products_is_time_and_never_less_than_some_packets)
{
    struct sim_path_config cfg = path_of("--rtt 100 --rate 10 --queue 0.5bdp a b");

    assert_true(cfg.way[0].link.queue_max == ESTAB_MS(50));
    cfg = path_of("--rtt 1 --rate 10 --queue 0.5bdp a b");
    assert_true(cfg.way[0].link.queue_max == ESTAB_MS(12)); /* 10 x 1500 x 8 bits at 10 Mbit/s */
    cfg = path_of("--rtt 100 --rate 10 --queue 125000B a b");
    assert_true(cfg.way[1].link.queue_max == ESTAB_MS(100));
    cfg = path_of("--rate 10 --queue 50 a b");
    assert_int_equal(cfg.way[0].queue_packets, 50);
    cfg = path_of("--rtt 100 --rate 100 a b");
    assert_true(cfg.way[0].link.queue_max == ESTAB_MS(100));
    cfg = path_of("--rate 10 a b");
    assert_true(cfg.way[0].link.queue_max == ESTAB_MS(120)); /* a hundred packets */
}

TEST(an_end_is_a_device_here_or_in_a_namespace)
{
    assert_int_equal(parse("left /run/netns/a:b:right"), -1);
    assert_string_equal(o.end[0].netns, "");
    assert_string_equal(o.end[0].device, "left");
    assert_string_equal(o.end[1].netns, "/run/netns/a:b");
    assert_string_equal(o.end[1].device, "right");
    assert_int_equal(parse("a:wan0 b:wan0"), -1);
    assert_int_equal(parse("--left-addr 10.1.0.1/24 --left-addr fd00::1/64 a b"), -1);
    assert_int_equal(o.end[0].n_addrs, 2);
    assert_int_equal(o.end[1].n_addrs, 0);
}

TEST(what_follows_is_described_as_it_is_set)
{
    char text[400];

    assert_int_equal(parse("--rtt 100 --rate 10 --queue 100 --loss 0.1 a b"), -1);
    estab_wan_describe(&o, 0, 1500, text, sizeof text);
    assert_string_equal(text, "50 ms, 10 Mbit/s, queue 100 packets, loss 0.1 %");
    assert_int_equal(parse("--rtt 100 --rate 10 --queue 1bdp a b"), -1);
    estab_wan_describe(&o, 1, 1500, text, sizeof text);
    assert_string_equal(text, "50 ms, 10 Mbit/s, queue 125000 octets (100 ms)");
}

TEST(wrong_command_lines_are_refused)
{
    static const char *const lines[] = {
        "",
        "a",
        "a b c",
        "a a",
        ":a b",
        "x: b",
        "a waytoolongadevicename",
        "a b/c",
        "--delay x a b",
        "--loss 101 a b",
        "--rate 0 a b",
        "--rate 10 --queue 0 a b",
        "--queue 10 a b",
        "--reorder-by 0 a b",
        "--mtu 20 a b",
        "--seed x a b",
        "--left-addr 10.1.0.1/40 a b",
        "--memory 0 a b",
        "--tun x a b", /* an option of hosts */
        "--frob a b",
    };

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (parse(lines[i]) != 2)
            fail_msg("taken: %s", lines[i]);
}
