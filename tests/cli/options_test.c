/* SPDX-License-Identifier: MIT */
/* Command lines: what is taken, and one clear line for what is not (cli/options.h). */
#include "cli/options.h"
#include "harness/test.h"

#include <string.h>

/* The sources are of the command, not of a library. */
#include "cli/numbers.h"

struct own {
    bool verbose;
    const char *word;
};

static int
take_verbose(void *into, const char *value, struct failure *why)
{
    struct own *own = into;

    (void)why;
    assert_null(value);
    own->verbose = true;
    return 0;
}

static int
take_word(void *into, const char *value, struct failure *why)
{
    struct own *own = into;

    if (strcmp(value, "bad") == 0)
        return estab_fail(why, "not a good word");
    own->word = value;
    return 0;
}

static const struct option_rule rules[] = {
    { "verbose", 'v', NULL, "say more", take_verbose },
    { "word", 'w', "WORD", "a word", take_word },
};
static const struct command command = {
    .name = "test", .usage = "X", .about = "Tests.", .rules = rules, .n_rules = 2
};

static struct options host;
static struct own own;
static struct failure why;
static int operands, argc_;
static char *argv_[40];

static enum options_result
parse(const char *line)
{
    static char copy[500];
    char *rest = copy, *word;

    assert_true(strlen(line) < sizeof copy);
    strcpy(copy, line);
    memset(&own, 0, sizeof own);
    why.text[0] = '\0';
    argc_ = 0;
    argv_[argc_++] = (char[]){ "test" };
    while ((word = strsep(&rest, " ")) != NULL && argc_ < 39)
        if (*word != '\0')
            argv_[argc_++] = strcmp(word, "''") == 0 ? word + 2 : word;
    argv_[argc_] = NULL;
    return estab_options_parse(&command, &host, &own, argc_, argv_, &operands, &why);
}

static void
taken(const char *line)
{
    if (parse(line) != OPTIONS_OK)
        fail_msg("%s: %s", line, why.text);
}

static void
refused(const char *line, const char *expected)
{
    if (parse(line) != OPTIONS_BAD)
        fail_msg("%s: taken", line);
    assert_string_equal(why.text, expected);
}

TEST(nothing_given_leaves_the_defaults)
{
    taken("");
    assert_null(host.tun);
    assert_int_equal(host.n_addrs, 0);
    assert_int_equal(host.mtu, 0);
    assert_false(host.ladder);
    assert_false(host.keepalive_given);
    assert_int_equal(operands, argc_);
}

TEST(own_options_and_operands_mix)
{
    taken("a -v --word x b");
    assert_true(own.verbose);
    assert_string_equal(own.word, "x");
    assert_int_equal(argc_ - operands, 2);
    assert_string_equal(argv_[operands], "a");
    taken("-vw y -- -z");
    assert_string_equal(own.word, "y");
    assert_string_equal(argv_[operands], "-z");
    taken("--word=z");
    assert_string_equal(own.word, "z");
}

TEST(the_hosts_options_are_taken)
{
    taken("--tun estab9 --addr 10.9.0.2/24 --addr fd00::2/64 --gateway 10.9.0.1 --gateway fd00::1 "
          "--mtu 1400 --pcap f.pcapng --ladder --json j --msl 0.5 --cc reno --profile rfc");
    assert_string_equal(host.tun, "estab9");
    assert_int_equal(host.n_addrs, 2);
    assert_int_equal(host.addrs[0].len, 24);
    assert_int_equal(host.addrs[1].addr.family, ESTAB_INET6);
    assert_int_equal(host.gateway4.bytes[3], 1);
    assert_int_equal(host.gateway6.bytes[15], 1);
    assert_int_equal(host.mtu, 1400);
    assert_string_equal(host.pcap, "f.pcapng");
    assert_string_equal(host.json, "j");
    assert_true(host.ladder);
    assert_true(host.msl == ESTAB_MS(500));
    assert_true(host.cc_given && host.cc == ESTAB_CC_RENO);
    assert_string_equal(host.profile, "rfc");
}

TEST(keepalive_takes_up_to_three_parts)
{
    taken("--keepalive 60,200ms,3");
    assert_true(host.keepalive_given && host.keepalive);
    assert_true(host.keepalive_idle == ESTAB_SEC(60));
    assert_true(host.keepalive_interval == ESTAB_MS(200));
    assert_int_equal(host.keepalive_count, 3);
    taken("--keepalive 1h");
    assert_true(host.keepalive_idle == ESTAB_SEC(3600));
    assert_true(host.keepalive_interval == 0);
    taken("--keepalive off");
    assert_true(host.keepalive_given && !host.keepalive);
    taken("--keepalive on");
    assert_true(host.keepalive);
    assert_int_equal(parse("--keepalive 60,0,3"), OPTIONS_BAD);
    assert_int_equal(parse("--keepalive 60,,3"), OPTIONS_BAD);
    assert_int_equal(parse("--keepalive 60,1,0"), OPTIONS_BAD);
    assert_int_equal(parse("--keepalive 60,1,128"), OPTIONS_BAD);
    assert_int_equal(parse("--keepalive 60,1,3,4"), OPTIONS_BAD);
    assert_int_equal(parse("--keepalive ''"), OPTIONS_BAD);
}

TEST(a_wrong_value_is_named_with_its_option)
{
    refused("--mtu 12x", "--mtu 12x: not a number from 68 to 65535");
    refused("--mtu 67", "--mtu 67: not a number from 68 to 65535");
    refused("--mtu=65536", "--mtu 65536: not a number from 68 to 65535");
    refused("--mtu=-1", "--mtu -1: not a number from 68 to 65535");
    refused("--msl 0", "--msl 0: not a duration up to 1h, such as 30, 0.5 or 200ms");
    refused("--msl 2h", "--msl 2h: not a duration up to 1h, such as 30, 0.5 or 200ms");
    refused("--addr 10.9.0",
            "--addr 10.9.0: not an address with prefix length, such as 10.9.0.2/24");
    refused("--addr 10.9.0.2/33",
            "--addr 10.9.0.2/33: not an address with prefix length, such as 10.9.0.2/24");
    refused("--addr 0.0.0.0/8", "--addr 0.0.0.0/8: not an address a host can have on a link");
    refused("--addr 224.0.0.1/8", "--addr 224.0.0.1/8: not an address a host can have on a link");
    refused("--gateway x", "--gateway x: not an address");
    refused("--cc vegas", "--cc vegas: not one of cubic, reno");
    refused("--probe on", "--probe on: not one of off, quick, rfc");
    refused("--profile lunix", "--profile lunix: not one of rfc, linux, bsd, lan, tiny");
    refused("--tun a23456789012345x",
            "--tun a23456789012345x: a device name has 1 to 15 characters");
    refused("--tun ''", "--tun : a device name has 1 to 15 characters");
    refused("--tun a/b", "--tun a/b: not a name that a device can have");
    refused("-w bad", "--word bad: not a good word");
    refused("-4 -6", "-6: -4 and -6 exclude each other");
    refused("-6 -4", "-4: -4 and -6 exclude each other");
}

TEST(what_ethernet_alone_has_wants_an_ethernet)
{
    taken("--packet eth0 --vlan 4094 --temporary --secret f");
    assert_int_equal(host.vlan, 4094);
    assert_true(host.temporary);
    assert_string_equal(host.secret, "f");
    taken("--vlan 1 --tap tap0");
    refused("--vlan 5", "--vlan 5: needs an Ethernet, --tap or --packet");
    refused("--tap tap0 --vlan 0", "--vlan 0: not a number from 1 to 4094");
    refused("--tap tap0 --vlan 4095", "--vlan 4095: not a number from 1 to 4094");
    refused("--temporary", "--temporary needs IPv6 on an Ethernet, --tap or --packet");
    refused("-4 --tap tap0 --temporary",
            "--temporary needs IPv6 on an Ethernet, --tap or --packet");
    refused("--secret ''", "--secret : not a file name");
}

TEST(unknown_options_and_missing_values_are_named)
{
    refused("--frob", "--frob: unknown option");
    refused("--frob=3", "--frob=3: unknown option");
    refused("-z", "-z: unknown option");
    refused("-vz", "-z: unknown option");
    refused("--mtu", "--mtu needs a value, N");
    refused("-w", "--word needs a value, WORD");
    refused("--ladder=yes", "--ladder takes no value");
    refused("--p x", "--p: unknown option");
}

TEST(too_many_addresses_are_refused)
{
    char line[300] = "";

    for (int i = 0; i < OPTIONS_ADDRS; i++)
        strcat(line, "--addr 10.9.0.2/24 ");
    taken(line);
    strcat(line, "--addr 10.9.0.3/24");
    refused(line, "--addr 10.9.0.3/24: at most 8 addresses");
}

TEST(help_is_not_an_error)
{
    assert_int_equal(parse("--help"), OPTIONS_HELP);
    assert_int_equal(parse("-h"), OPTIONS_HELP);
}

/* RFC 5227 §1.1: its second with --probe rfc, or the profile of that name; less without. */
TEST(how_an_address_is_probed_for_is_the_users_choice)
{
    static const struct {
        const char *line;
        estab_time time;
    } cases[] = {
        { "--profile linux", ESTAB_MS(200) },
        { "--probe quick --profile rfc", ESTAB_MS(200) },
        { "--probe rfc", ESTAB_SEC(1) },
        { "--profile rfc", ESTAB_SEC(1) },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct estab_config config;

        estab_config_init(&config);
        taken(cases[i].line);
        assert_int_equal(estab_options_apply(&host, true, &config, &why), 0);
        assert_true(config.arp_probe_time == cases[i].time);
    }
}

TEST(any_setting_can_be_given_and_stands_above_profile_and_options)
{
    struct estab_config config;

    estab_config_init(&config);
    taken("--set rst-per-second=7 --profile rfc --cc bbr --set cc=reno --set reassembly-time-4=2 "
          "--set max-fragments=9 --set ttl=1 --set ttl=9");
    assert_int_equal(estab_options_apply(&host, true, &config, &why), 0);
    assert_int_equal(config.rst_per_second, 7);
    assert_int_equal(config.tcp.cc, ESTAB_CC_RENO);
    assert_true(config.reassembly_timeout_4 == ESTAB_SEC(2));
    assert_true(config.reassembly_timeout_6 == ESTAB_SEC(60));
    assert_int_equal(config.max_fragments, 9);
    assert_int_equal(config.tcp.ttl, 9); /* the later one */
}

TEST(a_setting_that_is_none_is_refused_by_name)
{
    refused("--set rst-per-second", "--set rst-per-second: not NAME=VALUE");
    refused("--set =7", "--set =7: there is no such knob (estab set lists them)");
    refused("--set frob=7", "--set frob=7: there is no such knob (estab set lists them)");
    refused(
        "--set a-name-that-is-longer-than-any-of-them=7",
        "--set a-name-that-is-longer-than-any-of-them=7: there is no such knob (estab set lists "
        "them)");
    refused("--set rst-per-second=-1",
            "--set rst-per-second=-1: rst-per-second: not a number, or too large");
    refused("--set rst-per-second=4294967296",
            "--set rst-per-second=4294967296: rst-per-second: not a number, or too large");
    refused("--set reassembly-time-6=",
            "--set reassembly-time-6=: reassembly-time-6: not a duration, "
            "such as 30, 0.5 or 200ms");
    refused("--set sack=maybe", "--set sack=maybe: sack: neither on nor off");
}

TEST(options_reach_the_configuration)
{
    struct estab_config config;

    estab_config_init(&config);
    taken("--profile rfc --msl 5 --keepalive 10,2,4");
    assert_int_equal(estab_options_apply(&host, false, &config, &why), 0);
    assert_true(config.msl == ESTAB_SEC(5));
    assert_true(config.tcp.keepalive);
    assert_true(config.tcp.keepalive_idle == ESTAB_SEC(10));
    assert_true(config.tcp.keepalive_interval == ESTAB_SEC(2));
    assert_int_equal(config.tcp.keepalive_count, 4);
    assert_int_equal(config.tcp.cc, ESTAB_CC_CUBIC);
    taken("--profile linux --cc reno");
    assert_int_equal(estab_options_apply(&host, true, &config, &why), 0);
    assert_int_equal(config.tcp.cc, ESTAB_CC_RENO);
    assert_true(config.tcp.keepalive);
    taken("--keepalive off");
    assert_int_equal(estab_options_apply(&host, true, &config, &why), 0);
    assert_false(config.tcp.keepalive);
}
