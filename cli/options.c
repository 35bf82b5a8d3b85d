/* SPDX-License-Identifier: MIT */
/* Command lines; see options.h. */
#include "cli/options.h"
#include "cli/knobs.h"
#include "cli/numbers.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- the options of a host --- */

static int
take_tun(void *into, const char *value, struct failure *why)
{
    struct options *o = into;

    if (value[0] == '\0' || strlen(value) > 15)
        return estab_fail(why, "a device name has 1 to 15 characters");
    if (strpbrk(value, "/%: \t\n") != NULL || strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
        return estab_fail(why, "not a name that a device can have");
    o->tun = value;
    o->tap = o->packet = false;
    return 0;
}

static int
take_tap(void *into, const char *value, struct failure *why)
{
    struct options *o = into;

    if (take_tun(into, value, why) < 0)
        return -1;
    o->tap = true;
    return 0;
}

static int
take_packet(void *into, const char *value, struct failure *why)
{
    struct options *o = into;

    if (take_tun(into, value, why) < 0)
        return -1;
    o->packet = true;
    return 0;
}

static int
take_mac(void *into, const char *value, struct failure *why)
{
    struct options *o = into;
    unsigned m[6];
    int n = 0;

    if (sscanf(value, "%2x:%2x:%2x:%2x:%2x:%2x%n", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5], &n) !=
            6 ||
        value[n] != '\0' || (m[0] & 1) != 0 || (m[0] | m[1] | m[2] | m[3] | m[4] | m[5]) == 0)
        return estab_fail(why, "not the hardware address of a station, such as 02:00:00:00:00:01");
    for (unsigned i = 0; i < 6; i++)
        o->mac[i] = (uint8_t)m[i];
    o->mac_given = true;
    return 0;
}

static int
take_vlan(void *into, const char *value, struct failure *why)
{
    struct options *o = into;
    uint64_t n;

    if (!estab_parse_number(value, 1, 4094, &n))
        return estab_fail(why, "not a number from 1 to 4094");
    o->vlan = (uint16_t)n;
    return 0;
}

static int
take_temporary(void *into, const char *value, struct failure *why)
{
    struct options *o = into;

    (void)value;
    (void)why;
    o->temporary = true;
    return 0;
}

static int
take_secret(void *into, const char *value, struct failure *why)
{
    struct options *o = into;

    if (value[0] == '\0')
        return estab_fail(why, "not a file name");
    o->secret = value;
    return 0;
}

static int
take_addr(void *into, const char *value, struct failure *why)
{
    struct options *o = into;
    struct prefix *p = &o->addrs[o->n_addrs];

    if (strcmp(value, "auto") == 0) {
        o->addr_auto = true;
        return o->n_addrs == 0 ? 0 : estab_fail(why, "goes with no other address");
    }
    if (o->addr_auto)
        return estab_fail(why, "goes not with --addr auto");
    if (o->n_addrs == OPTIONS_ADDRS)
        return estab_fail(why, "at most %d addresses", OPTIONS_ADDRS);
    if (estab_addr_parse_prefix(&p->addr, &p->len, value) < 0)
        return estab_fail(why, "not an address with prefix length, such as 10.9.0.2/24");
    if (estab_addr_is_any(&p->addr) || estab_addr_is_multicast(&p->addr) ||
        estab_addr_is_loopback(&p->addr))
        return estab_fail(why, "not an address a host can have on a link");
    o->n_addrs++;
    return 0;
}

static int
take_probe(void *into, const char *value, struct failure *why)
{
    struct options *o = into;

    if (strcmp(value, "off") == 0)
        o->probe = PROBE_OFF;
    else if (strcmp(value, "quick") == 0)
        o->probe = PROBE_QUICK;
    else if (strcmp(value, "rfc") == 0)
        o->probe = PROBE_RFC;
    else
        return estab_fail(why, "not one of off, quick, rfc");
    return 0;
}

static int
take_gateway(void *into, const char *value, struct failure *why)
{
    struct options *o = into;
    struct estab_addr a;

    if (estab_addr_parse(&a, value) < 0)
        return estab_fail(why, "not an address");
    if (estab_addr_is_any(&a) || estab_addr_is_multicast(&a) || estab_addr_is_loopback(&a))
        return estab_fail(why, "not an address a gateway can have");
    if (a.family == ESTAB_INET)
        o->gateway4 = a;
    else
        o->gateway6 = a;
    return 0;
}

static int
take_mtu(void *into, const char *value, struct failure *why)
{
    struct options *o = into;
    uint64_t n;

    if (!estab_parse_number(value, 68, 65535, &n))
        return estab_fail(why, "not a number from 68 to 65535");
    o->mtu = (uint32_t)n;
    return 0;
}

static int
take_pcap(void *into, const char *value, struct failure *why)
{
    struct options *o = into;

    if (value[0] == '\0')
        return estab_fail(why, "not a file name");
    o->pcap = value;
    return 0;
}

static int
take_json(void *into, const char *value, struct failure *why)
{
    struct options *o = into;

    if (value[0] == '\0')
        return estab_fail(why, "not a file name");
    o->json = value;
    return 0;
}

static int
take_ladder(void *into, const char *value, struct failure *why)
{
    struct options *o = into;

    (void)value;
    (void)why;
    o->ladder = true;
    return 0;
}

static int
take_msl(void *into, const char *value, struct failure *why)
{
    struct options *o = into;

    if (!estab_parse_duration(value, &o->msl) || o->msl > ESTAB_SEC(3600))
        return estab_fail(why, "not a duration up to 1h, such as 30, 0.5 or 200ms");
    return 0;
}

/* "60,10,5": idle, interval, count; the later ones may be left out. "on", "off". */
static int
take_keepalive(void *into, const char *value, struct failure *why)
{
    struct options *o = into;
    char copy[64], *part, *rest = copy;
    uint64_t count;

    o->keepalive_given = true;
    o->keepalive = strcmp(value, "off") != 0;
    if (!o->keepalive || strcmp(value, "on") == 0)
        return 0;
    if (strlen(value) >= sizeof copy)
        return estab_fail(why, "not IDLE,INTERVAL,COUNT");
    strcpy(copy, value);
    part = strsep(&rest, ",");
    if (!estab_parse_duration(part, &o->keepalive_idle))
        return estab_fail(why, "IDLE '%s' is not a duration, such as 60 or 2h", part);
    part = strsep(&rest, ",");
    if (part != NULL && !estab_parse_duration(part, &o->keepalive_interval))
        return estab_fail(why, "INTERVAL '%s' is not a duration, such as 75 or 200ms", part);
    part = strsep(&rest, ",");
    if (part != NULL) {
        if (!estab_parse_number(part, 1, 127, &count))
            return estab_fail(why, "COUNT '%s' is not a number from 1 to 127", part);
        o->keepalive_count = (uint32_t)count;
    }
    if (rest != NULL)
        return estab_fail(why, "not IDLE,INTERVAL,COUNT");
    return 0;
}

static int
take_cc(void *into, const char *value, struct failure *why)
{
    struct options *o = into;
    int cc = estab_cc_by_name(value);

    if (cc < 0)
        return estab_fail(why, "not one of cubic, reno");
    o->cc_given = true;
    o->cc = (uint8_t)cc;
    return 0;
}

static int
take_set(void *into, const char *value, struct failure *why)
{
    struct options *o = into;
    struct estab_config scratch;

    estab_config_init(&scratch);
    if (o->n_knobs == OPTIONS_KNOBS)
        return estab_fail(why, "at most %d settings", OPTIONS_KNOBS);
    if (estab_knob_set_text(&scratch, value, why) < 0)
        return -1;
    o->knobs[o->n_knobs++] = value;
    return 0;
}

static int
take_profile(void *into, const char *value, struct failure *why)
{
    struct options *o = into;
    struct estab_config scratch;

    estab_config_init(&scratch);
    if (estab_config_profile(&scratch, value) < 0)
        return estab_fail(why, "not one of rfc, linux, bsd, lan, tiny");
    o->profile = value;
    return 0;
}

static int
take_ipv4(void *into, const char *value, struct failure *why)
{
    struct options *o = into;

    (void)value;
    if (o->only_ipv6)
        return estab_fail(why, "-4 and -6 exclude each other");
    o->only_ipv4 = true;
    return 0;
}

static int
take_ipv6(void *into, const char *value, struct failure *why)
{
    struct options *o = into;

    (void)value;
    if (o->only_ipv4)
        return estab_fail(why, "-4 and -6 exclude each other");
    o->only_ipv6 = true;
    return 0;
}

static int
take_dns(void *into, const char *value, struct failure *why)
{
    struct options *o = into;
    struct estab_addr *a = &o->dns[o->n_dns];

    if (o->n_dns == OPTIONS_DNS)
        return estab_fail(why, "at most %d name servers", OPTIONS_DNS);
    if (estab_addr_parse(a, value) < 0 || estab_addr_is_any(a) || estab_addr_is_multicast(a))
        return estab_fail(why, "not an address a name server can have");
    o->n_dns++;
    return 0;
}

static int
take_hosts(void *into, const char *value, struct failure *why)
{
    struct options *o = into;

    if (value[0] == '\0')
        return estab_fail(why, "not a file name");
    o->hosts = value;
    return 0;
}

static int
take_control(void *into, const char *value, struct failure *why)
{
    struct options *o = into;

    if (value[0] == '\0')
        return estab_fail(why, "not a file name");
    o->control = value;
    return 0;
}

static const struct option_rule host_rules[] = {
    { "tun", 0, "NAME", "the TUN device; made if it is not there (default: a new estabN)",
      take_tun },
    { "tap", 0, "NAME", "a TAP device instead: Ethernet frames; made if it is not there",
      take_tap },
    { "packet", 0, "DEV", "a host of its own on the Ethernet device DEV of the kernel's",
      take_packet },
    { "mac", 0, "ADDR", "our hardware address there (default: any)", take_mac },
    { "vlan", 0, "N", "every frame there is of this VLAN (IEEE 802.1Q)", take_vlan },
    { "temporary", 0, NULL, "IPv6 there: addresses that change, too (RFC 8981)", take_temporary },
    { "secret", 0, "FILE", "keep addresses from run to run by the secret in it; made if not there",
      take_secret },
    { "addr", 0, "ADDR/LEN", "an address of this host, may be repeated; auto: as the link gives",
      take_addr },
    { "probe", 0, "HOW", "on Ethernet, is it in use? off, quick (default), rfc (up to 7 s)",
      take_probe },
    { "gateway", 0, "ADDR", "the kernel's address at the other end; with --packet the router's",
      take_gateway },
    { "mtu", 0, "N", "largest packet (default: the device's, 1500 if made)", take_mtu },
    { "pcap", 0, "FILE", "write every packet, with the stack's reasons, as pcapng", take_pcap },
    { "ladder", 0, NULL, "draw every segment on standard error", take_ladder },
    { "json", 0, "FILE", "write every trace record as a line of JSON", take_json },
    { "msl", 0, "TIME", "maximum segment lifetime; TIME-WAIT lasts twice as long", take_msl },
    { "keepalive", 0, "I,V,N", "probe after I idle, every V, N times; or on, off", take_keepalive },
    { "cc", 0, "NAME", "congestion control: cubic, bbr, reno", take_cc },
    { "profile", 0, "NAME", "settings of: rfc, linux, bsd, lan, tiny", take_profile },
    { "set", 0, "NAME=VALUE", "any setting that estab set shows; may be repeated", take_set },
    { "control", 0, "PATH", "a socket on which estab ss and estab set can ask", take_control },
    { "dns", 0, "ADDR", "a name server; may be repeated (default: /etc/resolv.conf)", take_dns },
    { "hosts", 0, "FILE", "a table of names (default: /etc/hosts)", take_hosts },
    { NULL, '4', NULL, "IPv4 only", take_ipv4 },
    { NULL, '6', NULL, "IPv6 only", take_ipv6 },
};

enum { N_HOST_RULES = sizeof host_rules / sizeof host_rules[0], MAX_RULES = 48 };

/* --- the parser --- */

static const struct option_rule *
rule_at(const struct command *command, size_t i)
{
    return i < command->n_rules ? &command->rules[i] : &host_rules[i - command->n_rules];
}

static size_t
count_rules(const struct command *command)
{
    return command->n_rules + (command->no_host ? 0 : N_HOST_RULES);
}

/* "--mtu", "-p": as it was most likely typed. */
static const char *
spelled(const struct option_rule *rule, char buf[40])
{
    if (rule->name != NULL)
        snprintf(buf, 40, "--%s", rule->name);
    else
        snprintf(buf, 40, "-%c", rule->letter);
    return buf;
}

/* getopt_long's two tables; a rule's `val` is its number + 256, so that it clashes with no letter. */
static void
make_tables(const struct command *command, char letters[2 * MAX_RULES + 4],
            struct option longs[MAX_RULES + 2])
{
    size_t n = count_rules(command), n_longs = 0;
    char *l = letters;

    *l++ = ':';
    *l++ = 'h';
    for (size_t i = 0; i < n; i++) {
        const struct option_rule *r = rule_at(command, i);

        if (r->letter != 0) {
            *l++ = r->letter;
            if (r->value != NULL)
                *l++ = ':';
        }
        if (r->name != NULL)
            longs[n_longs++] = (struct option){
                .name = r->name,
                .has_arg = r->value != NULL ? required_argument : no_argument,
                .val = (int)i + 256,
            };
    }
    *l = '\0';
    longs[n_longs++] = (struct option){ .name = "help", .val = 'h' };
    longs[n_longs] = (struct option){ 0 };
}

static const struct option_rule *
find_rule(const struct command *command, int value, bool *is_host)
{
    size_t n = count_rules(command);

    for (size_t i = 0; i < n; i++) {
        const struct option_rule *r = rule_at(command, i);

        if (value == (int)i + 256 || (r->letter != 0 && value == r->letter)) {
            *is_host = i >= command->n_rules;
            return r;
        }
    }
    return NULL;
}

/* What an option wants of the others. */
static int
check_together(const struct options *host, struct failure *why)
{
    bool ethernet = host->tap || host->packet;

    if (host->vlan != 0 && !ethernet)
        return estab_fail(why, "--vlan %u: needs an Ethernet, --tap or --packet", host->vlan);
    if (host->temporary && (!ethernet || host->only_ipv4))
        return estab_fail(why, "--temporary needs IPv6 on an Ethernet, --tap or --packet");
    return 0;
}

enum options_result
estab_options_parse(const struct command *command, struct options *host, void *own, int argc,
                    char **argv, int *operands, struct failure *why)
{
    char letters[2 * MAX_RULES + 4], name[40];
    struct option longs[MAX_RULES + 2];
    const struct option_rule *rule;
    struct failure wrong;
    bool is_host;
    int value;

    if (count_rules(command) > MAX_RULES)
        abort();
    memset(host, 0, sizeof *host);
    make_tables(command, letters, longs);
    optind = 0; /* glibc: start anew */
    opterr = 0;
    while ((value = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        if (value == 'h')
            return OPTIONS_HELP;
        if (value == '?' || value == ':') {
            rule = optopt != 0 ? find_rule(command, optopt, &is_host) : NULL;
            if (rule != NULL && value == ':')
                estab_fail(why, "%s needs a value, %s", spelled(rule, name), rule->value);
            else if (rule != NULL)
                estab_fail(why, "%s takes no value", spelled(rule, name));
            else if (optopt != 0 && optopt < 256)
                estab_fail(why, "-%c: unknown option", optopt);
            else
                estab_fail(why, "%.200s: unknown option", argv[optind - 1]);
            return OPTIONS_BAD;
        }
        rule = find_rule(command, value, &is_host);
        if (rule == NULL)
            abort();
        if (rule->take(is_host ? (void *)host : own, optarg, &wrong) < 0) {
            if (rule->value != NULL)
                estab_fail(why, "%s %.200s: %.200s", spelled(rule, name), optarg, wrong.text);
            else
                estab_fail(why, "%s: %.200s", spelled(rule, name), wrong.text);
            return OPTIONS_BAD;
        }
    }
    *operands = optind;
    if (check_together(host, why) < 0)
        return OPTIONS_BAD;
    return OPTIONS_OK;
}

void
estab_options_help(const struct command *command, FILE *to)
{
    size_t n = count_rules(command);

    fprintf(to, "usage: estab %s [OPTION]... %s\n%s\n\n", command->name, command->usage,
            command->about);
    for (size_t i = 0; i < n; i++) {
        const struct option_rule *r = rule_at(command, i);
        char left[64];

        if (i == command->n_rules)
            fprintf(to, "%sThe host:\n", i > 0 ? "\n" : "");
        snprintf(left, sizeof left, "%c%c%s%s%s%s%s", r->letter != 0 ? '-' : ' ',
                 r->letter != 0 ? r->letter : ' ', r->letter != 0 && r->name != NULL ? ", " : "  ",
                 r->name != NULL ? "--" : "", r->name != NULL ? r->name : "",
                 r->value != NULL ? " " : "", r->value != NULL ? r->value : "");
        fprintf(to, "  %-24s  %s\n", left, r->help);
    }
    fprintf(to, "  %-24s  %s\n", "-h, --help", "this text");
}

static void
say(const struct command *command, const char *format, va_list args)
{
    char line[768];

    vsnprintf(line, sizeof line, format, args);
    fprintf(stderr, "estab %s: %s\n", command->name, line);
}

int
estab_usage_error(const struct command *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(command, format, args);
    va_end(args);
    return 2;
}

int
estab_command_error(const struct command *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(command, format, args);
    va_end(args);
    return 1;
}

int
estab_options_start(const struct command *command, struct options *host, void *own, int argc,
                    char **argv, int *operands)
{
    struct failure why;

    switch (estab_options_parse(command, host, own, argc, argv, operands, &why)) {
    case OPTIONS_OK:
        return -1;
    case OPTIONS_HELP:
        estab_options_help(command, stdout);
        return fflush(stdout) == 0 ? 0 : 1;
    case OPTIONS_BAD:
        break;
    }
    return estab_usage_error(command, "%s (estab %s --help lists the options)", why.text,
                             command->name);
}

int
estab_options_apply(const struct options *host, bool keepalive, struct estab_config *config,
                    struct failure *why)
{
    if (host->profile != NULL && estab_config_profile(config, host->profile) < 0)
        return estab_fail(why, "there is no profile %s", host->profile);
    /* Differs from RFC 5227 §1.1, unless asked not to: about a second for three probes. */
    if (host->probe == PROBE_QUICK ||
        (host->probe == PROBE_DEFAULT &&
         (host->profile == NULL || strcmp(host->profile, "rfc") != 0)))
        config->arp_probe_time = ESTAB_MS(200);
    if (host->msl != 0)
        config->msl = host->msl;
    if (host->cc_given)
        config->tcp.cc = host->cc;
    config->tcp.keepalive = host->keepalive_given ? host->keepalive : keepalive;
    if (host->keepalive_idle != 0)
        config->tcp.keepalive_idle = host->keepalive_idle;
    if (host->keepalive_interval != 0)
        config->tcp.keepalive_interval = host->keepalive_interval;
    if (host->keepalive_count != 0)
        config->tcp.keepalive_count = host->keepalive_count;
    for (size_t i = 0; i < host->n_knobs; i++)
        if (estab_knob_set_text(config, host->knobs[i], why) < 0)
            return -1;
    return 0;
}
