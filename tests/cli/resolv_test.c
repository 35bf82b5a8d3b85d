/* SPDX-License-Identifier: MIT */
/* resolv.conf and hosts as they are found: what counts is taken, the rest passed over (cli/resolv.h). */
#include "cli/resolv.h"
#include "harness/test.h"

#include <stdlib.h>
#include <string.h>

static struct estab_resolver_config
parsed(const char *text, unsigned *left_out)
{
    struct estab_resolver_config cfg;

    estab_resolver_config_init(&cfg);
    estab_resolv_parse(&cfg, text, left_out);
    return cfg;
}

TEST(servers_search_list_and_options_are_taken)
{
    unsigned left_out;
    struct estab_resolver_config cfg = parsed("# made by hand\n"
                                              "nameserver 192.0.2.53\n"
                                              "nameserver\t2001:db8::53 # second\n"
                                              "domain old.example\n"
                                              "search lan.example example\n"
                                              "options ndots:2 timeout:3 attempts:4 rotate\n",
                                              &left_out);

    assert_int_equal(cfg.n_servers, 2);
    assert_int_equal(cfg.servers[0].addr.bytes[3], 53);
    assert_int_equal(cfg.servers[0].port, 53);
    assert_int_equal(cfg.servers[1].addr.family, ESTAB_INET6);
    assert_int_equal(cfg.n_search, 2);
    assert_int_equal(cfg.search[0].len, 13);
    assert_int_equal(cfg.ndots, 2);
    assert_int_equal(cfg.timeout, ESTAB_SEC(3));
    assert_int_equal(cfg.attempts, 4);
    assert_int_equal(left_out, 0);
}

TEST(a_server_on_loopback_is_the_kernels_and_left_out)
{
    unsigned left_out;
    struct estab_resolver_config cfg =
        parsed("nameserver 127.0.0.53\nnameserver ::1\nnameserver 192.0.2.1", &left_out);

    assert_int_equal(left_out, 2);
    assert_int_equal(cfg.n_servers, 1);
}

TEST(nonsense_and_too_much_of_it_is_passed_over)
{
    unsigned left_out;
    char text[8192] = "";
    struct estab_resolver_config cfg;

    for (unsigned i = 0; i < 20; i++)
        strcat(text, "nameserver 192.0.2.9\nnameserver x\nnameserver\nnameserver 0.0.0.0\n");
    strcat(text, "search");
    for (unsigned i = 0; i < 20; i++)
        strcat(text, " a..b . lan.example");
    strcat(text, "\noptions ndots:99 ndots: timeout:0 attempts:x\n;search evil\n\\\n\x01\n");
    for (unsigned i = 0; i < 300; i++)
        strcat(text, "longword");
    cfg = parsed(text, &left_out);
    assert_int_equal(cfg.n_servers, ESTAB_RESOLVER_SERVERS);
    assert_int_equal(cfg.n_search, ESTAB_RESOLVER_SEARCH);
    assert_int_equal(cfg.ndots, 1);
    assert_int_equal(cfg.attempts, 3);
}

TEST(a_hosts_table_has_several_names_a_line)
{
    struct estab_host_entry *table;
    struct estab_name box;
    size_t n;

    assert_int_equal(estab_hosts_parse(&table, &n,
                                       "127.0.0.1 localhost\n# 192.0.2.9 nobody\n\n"
                                       "192.0.2.1\tbox box.example # comment\n"
                                       "2001:db8::1 box\nnot-an-address x\n192.0.2.3 a..b ok"),
                     0);
    assert_int_equal(n, 5);
    assert_true(estab_name_parse(&box, "box"));
    assert_memory_equal(table[1].name.octets, box.octets, box.len);
    assert_int_equal(table[1].addr.bytes[3], 1);
    assert_int_equal(table[3].addr.family, ESTAB_INET6);
    free(table);
}

TEST(what_was_meant_as_an_address_is_no_name)
{
    assert_true(estab_is_host_name("example.org"));
    assert_true(estab_is_host_name("example.org."));
    assert_true(estab_is_host_name("1.2.3.4a"));
    assert_false(estab_is_host_name("192.0.2.1"));
    assert_false(estab_is_host_name("192.0.2.256"));
    assert_false(estab_is_host_name("192.0.2.1."));
    assert_false(estab_is_host_name("2001:db8::1"));
    assert_false(estab_is_host_name(""));
    assert_false(estab_is_host_name("."));
    assert_false(estab_is_host_name("a b"));
}

TEST(a_file_that_is_not_there_is_told)
{
    struct failure why = { "" };

    assert_null(estab_read_text("/nowhere/at/all", &why));
    assert_non_null(strstr(why.text, "/nowhere/at/all"));
}
