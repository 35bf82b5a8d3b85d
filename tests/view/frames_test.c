/* SPDX-License-Identifier: MIT */
/* Ethernet in the sinks: two hosts on a segment find each other, and every frame is there to see. */
#include "stack/segment.h"
#include "view/records.h"

/* Where the records of both hosts go. */
static struct sinks {
    struct view_ladder *ladder;
    struct view_pcapng *pcapng;
    struct view_json *json;
    struct sheet drawn, capture, lines;
} sinks;

static void
see(void *ctx, const struct estab_trace *r)
{
    (void)ctx;
    /* sizes of records differ from machine to machine */
    if (sinks.ladder != NULL && r->kind != ESTAB_TRACE_MEMORY)
        assert_int_equal(estab_view_ladder_record(sinks.ladder, r), 0);
    assert_int_equal(estab_view_pcapng_record(sinks.pcapng, r), 0);
    assert_int_equal(estab_view_json_record(sinks.json, r), 0);
    /* a packet lies in its frame */
    if (r->frame != NULL && r->packet != NULL) {
        assert_true(r->packet >= r->frame + 14);
        assert_true(r->packet + r->packet_len <= r->frame + r->frame_len);
    }
    if (r->kind == ESTAB_TRACE_PACKET_OUT)
        assert_true(r->ifindex == 0 || r->frame != NULL);
}

static void
watched(struct estab_config *cfg, struct estab_link *link)
{
    static uint32_t number;

    cfg->host = number++ % 2;
    cfg->trace = see;
    (void)link;
}

static void
on_vlan_7(struct estab_config *cfg, struct estab_link *link)
{
    watched(cfg, link);
    link->vlan = 7;
}

static void
open_sinks(void)
{
    sinks = (struct sinks){ 0 };
    sinks.ladder = estab_view_ladder_new(
        &(struct view_ladder_options){ .both = true, .host = { 0, 1 }, .width = 80 }, sheet_write,
        &sinks.drawn);
    sinks.pcapng = estab_view_pcapng_new(&(struct view_pcapng_options){ .both = true }, sheet_write,
                                         &sinks.capture);
    sinks.json = estab_view_json_new(&(struct view_json_options){ .packets = true }, sheet_write,
                                     &sinks.lines);
}

static void
close_sinks(void)
{
    assert_int_equal(estab_view_ladder_finish(sinks.ladder, NULL), 0);
    assert_int_equal(estab_view_pcapng_finish(sinks.pcapng), 0);
    assert_int_equal(estab_view_json_finish(sinks.json), 0);
    estab_view_ladder_free(sinks.ladder);
    estab_view_pcapng_free(sinks.pcapng);
    estab_view_json_free(sinks.json);
    sinks.ladder = NULL;
}

static void
free_sheets(void)
{
    sheet_free(&sinks.drawn);
    sheet_free(&sinks.capture);
    sheet_free(&sinks.lines);
}

static void
expect_in(const struct sheet *sheet, const char *text)
{
    if (sheet->text == NULL || strstr(sheet->text, text) == NULL)
        fail_msg("\"%s\" is not in:\n%s", text, sheet->text != NULL ? sheet->text : "");
}

/* Two hosts that have each other's attention, and a connection between them. */
static void
meet(struct segment *g, void (*change)(struct estab_config *, struct estab_link *), const char *a,
     const char *b, unsigned prefix)
{
    struct estab_addr addr[2] = { addr_of(a), addr_of(b) };
    struct estab_endpoint at = { .port = 80 }, to = { .addr = addr[1], .port = 80 };
    estab_conn l, c;

    open_sinks();
    seg_init(g);
    for (unsigned h = 0; h < 2; h++) {
        (void)seg_host(g, change);
        assert_int_equal(estab_stack_add_address(g->host[h], 1, &addr[h], prefix), 0);
    }
    seg_run(g, ESTAB_SEC(5));
    assert_int_equal(estab_listen(g->host[1], &at, 16, NULL, &l, g->now), 0);
    assert_int_equal(estab_connect(g->host[0], NULL, &to, NULL, &c, g->now), 0);
    seg_settle(g);
    for (unsigned h = 0; h < 2; h++)
        estab_stack_shutdown(g->host[h], ESTAB_SHUTDOWN_RST, g->now);
    seg_settle(g);
    close_sinks();
}

/* RFC 826: who asks, who answers, and then the SYN: nothing is hidden. */
TEST(arp_stands_in_the_ladder_before_the_syn_that_waited_for_it)
{
    struct segment g;

    meet(&g, watched, "10.0.0.1", "10.0.0.2", 24);
    expect_golden("arp-80", &sinks.drawn);
    seg_end(&g);
    free_sheets();
}

/* RFC 4861 §7.2 */
TEST(neighbour_discovery_is_told_by_whom_it_is_about)
{
    struct segment g;

    meet(&g, watched, "2001:db8::1", "2001:db8::2", 64);
    expect_in(&sinks.drawn, "ND who has 2001:db8::2");
    expect_in(&sinks.drawn, "ND 2001:db8::2");
    expect_in(&sinks.drawn, "is at 02:00:00:00:00:11");
    seg_end(&g);
    free_sheets();
}

TEST(json_says_what_arp_says)
{
    struct segment g;

    meet(&g, watched, "10.0.0.1", "10.0.0.2", 24);
    expect_in(&sinks.lines,
              "\"frame\":{\"dst\":\"ff:ff:ff:ff:ff:ff\",\"src\":\"02:00:00:00:00:10\","
              "\"type\":2054,\"len\":60,\"octets\":\"ffffffffffff020000000010080600010800");
    expect_in(&sinks.lines, "\"arp\":{\"op\":\"request\",\"sender\":\"10.0.0.1\","
                            "\"sender_mac\":\"02:00:00:00:00:10\",\"target\":\"10.0.0.2\","
                            "\"target_mac\":\"00:00:00:00:00:00\"}");
    expect_in(&sinks.lines, "\"arp\":{\"op\":\"reply\",\"sender\":\"10.0.0.2\","
                            "\"sender_mac\":\"02:00:00:00:00:11\",\"target\":\"10.0.0.1\","
                            "\"target_mac\":\"02:00:00:00:00:10\"}");
    /* the ends of the question are those of the record */
    expect_in(&sinks.lines, "\"local\":\"10.0.0.1:0\",\"remote\":\"10.0.0.2:0\"");
    seg_end(&g);
    free_sheets();
}

static uint32_t
le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Every packet block of the capture is a frame that was on the segment; how many of type `type`. */
static unsigned
frames_of_type(const struct segment *g, uint16_t type, uint16_t vlan)
{
    const uint8_t *p = (const uint8_t *)sinks.capture.text, *end = p + sinks.capture.len;
    unsigned n = 0;

    for (; p < end; p += le32(p + 4)) {
        struct ether_frame f;
        bool known = false;

        if (le32(p) == 1)
            assert_int_equal(le32(p + 8) & 0xffff, 1); /* LINKTYPE_ETHERNET */
        if (le32(p) != 6)
            continue;
        assert_true(estab_ether_parse(&f, p + 28, le32(p + 20)));
        assert_int_equal(f.vlan, vlan);
        n += f.type == type;
        for (size_t i = 0; i < g->n_heard && !known; i++)
            known = g->heard[i].len == le32(p + 20) &&
                    memcmp(g->heard[i].octets, p + 28, g->heard[i].len) == 0;
        assert_true(known);
    }
    return n;
}

/* The capture of an Ethernet host has its frames as they were, ARP among them, each once. */
TEST(a_capture_of_ethernet_has_the_frames)
{
    struct segment g;

    meet(&g, watched, "10.0.0.1", "10.0.0.2", 24);
    assert_true(frames_of_type(&g, ETHER_ARP, 0) >= 2);
    assert_true(frames_of_type(&g, ETHER_IPV4, 0) >= 4);
    assert_int_equal(frames_of_type(&g, ETHER_IPV6, 0), 0);
    seg_end(&g);
    free_sheets();
}

TEST(a_capture_of_a_vlan_has_the_tags)
{
    struct segment g;

    meet(&g, on_vlan_7, "10.0.0.1", "10.0.0.2", 24);
    assert_true(frames_of_type(&g, ETHER_ARP, 7) >= 2);
    expect_in(&sinks.lines, "\"vlan\":7,\"type\":2054");
    expect_in(&sinks.drawn, "ARP who has 10.0.0.2");
    seg_end(&g);
    free_sheets();
}

/* What is no IP and no ARP, or cut off, is a frame nevertheless. */
TEST(a_frame_that_cannot_be_read_is_captured_and_drawn)
{
    struct segment g;
    uint8_t lldp[60] = { 1, 0x80, 0xc2, 0, 0, 0xe, 2, 0, 0, 0, 0, 0x66, 0x88, 0xcc };

    open_sinks();
    seg_init(&g);
    (void)seg_host(&g, watched);
    seg_run(&g, ESTAB_SEC(1));
    lldp[0] = 2, lldp[1] = lldp[2] = lldp[3] = lldp[4] = 0, lldp[5] = 0x10;
    seg_deliver(&g, HOSTS, lldp, 60);
    seg_deliver(&g, HOSTS, lldp, 9);
    close_sinks();
    expect_in(&sinks.drawn, "frame without IP type 0x88cc");
    expect_in(&sinks.drawn, "frame without IP");
    expect_in(&sinks.lines, "\"frame\":{\"len\":9,\"octets\":\"020000000010020000\"}");
    assert_non_null(memchr(sinks.capture.text, 0xcc, sinks.capture.len));
    seg_end(&g);
    free_sheets();
}
