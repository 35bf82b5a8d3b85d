/* SPDX-License-Identifier: MIT */
/* Name servers and search domains that routers advertise (RFC 8106). */
#include "segment.h"

static const uint8_t stranger[6] = { 2, 0, 0, 0, 0, 0x66 };
static const uint8_t router[16] = { 0xfe, 0x80, [15] = 0x66 };
static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };

static void
autoconf(struct estab_config *cfg, struct estab_link *link)
{
    (void)cfg;
    link->autoconf = true;
}

static void
one_host(struct segment *g)
{
    seg_init(g);
    seg_host(g, autoconf);
    seg_run(g, ESTAB_SEC(3));
}

/* A router advertisement in the making: its head, then options. */
struct advert {
    uint8_t octets[1200];
    uint32_t len;
};

static struct advert
advert(void)
{
    return (struct advert){ { ND_ROUTER_ADVERT }, 16 };
}

static uint8_t *
option(struct advert *a, uint8_t type, uint8_t length, uint32_t lifetime)
{
    uint8_t *o = a->octets + a->len;

    o[0] = type;
    o[1] = length;
    put_be32(o + 4, lifetime);
    a->len += 8u * length;
    assert_true(a->len <= sizeof(a->octets));
    return o + 8;
}

static void
servers(struct advert *a, uint32_t lifetime, unsigned n, const char *const *addrs)
{
    uint8_t *at = option(a, 25, (uint8_t)(1 + 2 * n), lifetime);

    for (unsigned i = 0; i < n; i++) {
        struct estab_addr addr = addr_of(addrs[i]);

        memcpy(at + 16 * i, addr.bytes, 16);
    }
}

static void
server(struct advert *a, uint32_t lifetime, const char *addr)
{
    servers(a, lifetime, 1, &addr);
}

/* `names` as they go over the wire, without the last zero: that of the literal is it. */
static void
domains(struct advert *a, uint32_t lifetime, const char *names, size_t len)
{
    memcpy(option(a, 31, (uint8_t)(1 + (len + 7) / 8), lifetime), names, len);
}
#define DOMAINS(a, lifetime, names) domains(a, lifetime, names, sizeof(names))

static void
says(struct segment *g, struct advert *a)
{
    seg_say_icmp6(g, stranger, router, all_nodes, a->octets, a->len, 255);
    seg_settle(g);
}

/* All of them with a blank between. */
static const char *
known(const struct segment *g)
{
    static char all[2000];
    struct estab_name_server_info s;
    struct estab_search_domain_info d;
    char text[ESTAB_ADDR_TEXT];
    uint64_t cursor = 0;

    all[0] = '\0';
    while (estab_stack_next_name_server(g->host[0], &cursor, &s)) {
        assert_int_equal(s.ifindex, 1);
        strcat(strcat(all, all[0] != '\0' ? " " : ""), estab_addr_format(&s.addr, text));
    }
    cursor = 0;
    while (estab_stack_next_search_domain(g->host[0], &cursor, &d)) {
        assert_int_equal(d.ifindex, 1);
        strcat(strcat(all, all[0] != '\0' ? " " : ""), d.text);
    }
    return all;
}

/* RFC 8106 §5.1, §5.2, §6.2: in the order in which they are told; a link-local one too. */
TEST(servers_and_domains_are_taken_in_their_order)
{
    struct segment g;
    struct advert a = advert();

    one_host(&g);
    assert_string_equal(known(&g), "");
    servers(&a, 600, 2, (const char *const[]){ "2001:db8::53", "fe80::53" });
    server(&a, 600, "2001:db8::54");
    DOMAINS(&a, 600, "\7example\3org\0\4home\4arpa");
    says(&g, &a);
    assert_string_equal(known(&g), "2001:db8::53 fe80::53%1 2001:db8::54 example.org home.arpa");
    says(&g, &a);
    assert_string_equal(known(&g), "2001:db8::53 fe80::53%1 2001:db8::54 example.org home.arpa");
    seg_end(&g);
}

/* RFC 8106 §6.2 (d): what is heard later comes first. */
TEST(a_later_server_comes_first)
{
    struct segment g;
    struct advert a = advert(), b = advert();

    one_host(&g);
    server(&a, 600, "2001:db8::1");
    says(&g, &a);
    servers(&b, 600, 2, (const char *const[]){ "2001:db8::2", "2001:db8::3" });
    says(&g, &b);
    assert_string_equal(known(&g), "2001:db8::2 2001:db8::3 2001:db8::1");
    seg_end(&g);
}

/* RFC 8106 §5.1, §6.1: each ends with its own lifetime, which the next message may move; 0 ends it
 * at once, and all ones never. */
TEST(servers_and_domains_live_as_long_as_is_said)
{
    struct segment g;
    struct advert a = advert(), b = advert(), c = advert();

    one_host(&g);
    server(&a, 10, "2001:db8::1");
    server(&a, UINT32_MAX, "2001:db8::2");
    DOMAINS(&a, 20, "\3lan");
    says(&g, &a);
    seg_run(&g, ESTAB_MS(9990));
    assert_string_equal(known(&g), "2001:db8::1 2001:db8::2 lan");
    seg_run(&g, ESTAB_MS(20));
    assert_string_equal(known(&g), "2001:db8::2 lan");
    DOMAINS(&b, 60, "\3lan");
    says(&g, &b);
    seg_run(&g, ESTAB_SEC(59));
    assert_string_equal(known(&g), "2001:db8::2 lan");
    seg_run(&g, ESTAB_SEC(86400));
    assert_string_equal(known(&g), "2001:db8::2");
    server(&c, 0, "2001:db8::2");
    server(&c, 0, "2001:db8::7");
    says(&g, &c);
    assert_string_equal(known(&g), "");
    seg_end(&g);
}

/* RFC 8106 §5.3.1: a wrong length, or no address of one host. */
TEST(an_option_that_cannot_be_is_passed_over_and_the_rest_taken)
{
    struct segment g;
    struct advert a = advert();

    one_host(&g);
    (void)option(&a, 25, 1, 600);
    (void)option(&a, 25, 2, 600);
    memset(option(&a, 25, 4, 600), 0x20, 24);
    (void)option(&a, 31, 1, 600);
    servers(&a, 600, 3, (const char *const[]){ "ff02::1", "::", "::1" });
    server(&a, 600, "2001:db8::5");
    says(&g, &a);
    assert_string_equal(known(&g), "2001:db8::5");
    seg_end(&g);
}

/* RFC 8106 §5.2, RFC 1035 §3.1: cut off, compressed, too long, or not letters and digits. */
TEST(a_broken_name_ends_its_option_and_a_strange_one_is_left_out)
{
    static const char long_label[64] =
        "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc";
    struct segment g;
    struct advert a = advert(), b = advert();
    uint8_t *at;

    one_host(&g);
    DOMAINS(&a, 600, "\3lan\0\300\10");
    domains(&a, 600, "\3net\0\17abcdefghij", 16);
    at = option(&a, 31, 40, 600); /* 300 octets of labels */
    for (unsigned i = 0; i < 6; i++) {
        at[52 * i] = 51;
        memset(at + 52 * i + 1, 'a', 51);
    }
    says(&g, &a);
    assert_string_equal(known(&g), "");
    DOMAINS(&b, 600, "\3a b\0\4good\0\3\"\n\"\0\2ok\0\0\4nope");
    at = option(&b, 31, 19, 600);
    at[0] = 62;
    memcpy(at + 1, long_label, 62);
    at[64] = 62; /* with its dot 64 characters */
    memcpy(at + 65, long_label, 62);
    at[127] = 1;
    at[128] = 'x';
    says(&g, &b);
    /* the padding begins with the first zero where a name would begin */
    assert_string_equal(known(&g),
                        "good ok abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijab");
    seg_end(&g);
}

/* RFC 8106 §6.2 (d): limit 8; what would end first makes room. */
TEST(a_flood_of_servers_and_domains_stays_within_its_limit)
{
    struct segment g;

    one_host(&g);
    for (unsigned i = 0; i < 300; i++) {
        struct advert a = advert();
        char addr[40];

        snprintf(addr, sizeof addr, "2001:db8::%x", i + 1);
        server(&a, 1000 + i, addr);
        memcpy(option(&a, 31, 2, 1000 + i),
               (uint8_t[]){ 3, 'd', (uint8_t)('a' + i % 26), (uint8_t)('a' + i / 26), 0 }, 5);
        says(&g, &a);
    }
    assert_string_equal(
        known(&g), "2001:db8::12c 2001:db8::12b 2001:db8::12a 2001:db8::129 2001:db8::128 "
                   "2001:db8::127 2001:db8::126 2001:db8::125 dnl dml dll dkl djl dil dhl dgl");
    seg_end(&g);
}

/* Without autoconf nothing of a router's message is taken. */
TEST(without_autoconf_no_server_is_taken)
{
    struct segment g;
    struct advert a = advert();

    seg_init(&g);
    seg_host(&g, NULL);
    server(&a, 600, "2001:db8::1");
    says(&g, &a);
    assert_string_equal(known(&g), "");
    seg_end(&g);
}
