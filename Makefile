# SPDX-License-Identifier: MIT
#
# Builds estab with gcc or clang and GNU make; nothing is configured and nothing is generated.
# `make help` lists the targets. Sources are found by wildcard: adding a file needs no edit here.
#
# Everything built goes into $(BUILD), so that several configurations can stand side by side:
#   make BUILD=build-clang CC=clang
#   make BUILD=build-m32 CFLAGS_EXTRA=-m32 LDFLAGS_EXTRA=-m32
#   make BUILD=build-s390x CC=s390x-linux-gnu-gcc RUNNER='qemu-s390x -L /usr/s390x-linux-gnu'

# --- what a user may set -----------------------------------------------------------------------

BUILD ?= build
hash := \#
CFLAGS ?= -O2 -g
CFLAGS_EXTRA ?=
LDFLAGS_EXTRA ?=
# LTO=1: the whole program is optimized at once; archives stay usable without it.
LTO ?= 0
# A command put in front of every program we run: an emulator or valgrind.
RUNNER ?=
# Libraries the tools need beyond libc: none. libpcap, where a program can be linked with it, gives
# `estab trace` filters and live captures; PCAP=0 builds without.
TOOLS_LIBS ?=
PCAP ?= $(shell printf '%s\n' '$(hash)include <pcap/pcap.h>' 'int main(void) { return pcap_lib_version() == 0; }' | \
    $(CC) $(CFLAGS_EXTRA) $(LDFLAGS_EXTRA) -D_GNU_SOURCE -x c - -o /dev/null -lpcap 2>/dev/null && echo 1 || echo 0)
PCAP := $(PCAP)
PCAP_FLAGS := $(if $(filter 1,$(PCAP)),-DESTAB_WITH_PCAP)
TOOLS_LIBS += $(if $(filter 1,$(PCAP)),-lpcap)
SECONDS ?= 60
SEEDS ?= 1000
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share
DESTDIR ?=
INSTALL ?= install
CLANG_FORMAT ?= clang-format-14
ifeq ($(origin AR),default)
AR := $(firstword $(wildcard $(patsubst %-gcc,/usr/bin/%-ar,$(filter %-gcc,$(CC)))) ar)
endif

ifeq ($(LTO),1)
override CFLAGS += -flto=auto $(if $(findstring clang,$(CC)),,-ffat-lto-objects)
endif

# Warnings are errors on the compilers this project is developed with; elsewhere they warn.
WERROR ?= $(if $(filter 12 14.0.%,$(shell $(CC) -dumpversion 2>/dev/null)),1,0)

# Jobs when the user did not say: as many as there are processors.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif

# --- versions ----------------------------------------------------------------------------------

VERSION := $(or $(shell sed -n 's/^.define ESTAB_VERSION "\(.*\)"/\1/p' include/estab/api.h 2>/dev/null),0.1.0)
SOVERSION := 0

# --- flags -------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
    -Wold-style-definition -Wvla -Wundef -Wcast-align -Wpointer-arith -Wwrite-strings
STRICT := $(WARNINGS) -Wconversion -Wsign-conversion
ERRORS := $(if $(filter 1,$(WERROR)),-Werror)

DEPFLAGS = -MMD -MP
COMMON := -std=c11 $(ERRORS) -Iinclude
HIDDEN := -fPIC -fvisibility=hidden

# The library and the simulator see the C standard only; the other floors may use the system.
SRC_FLAGS := $(COMMON) $(STRICT) $(HIDDEN) -Isrc
PURE_FLAGS := $(COMMON) $(STRICT) -Isrc -I.
TOOLS_FLAGS := $(COMMON) $(STRICT) -Isrc -I. -D_GNU_SOURCE

# cmocka: the one installed, or with CMOCKA_SRC=dir one built from its sources for this target
# (tools/setup cross puts them into build-cmocka).
CMOCKA_SRC ?=
ifeq ($(CMOCKA_SRC),)
CMOCKA_CFLAGS ?=
CMOCKA_LIBS ?= -lcmocka
else
CMOCKA_CFLAGS ?= -I$(CMOCKA_SRC)/include
CMOCKA_A := $(BUILD)/libcmocka.a
CMOCKA_LIBS ?= $(CMOCKA_A)
endif

TEST_FLAGS = $(COMMON) $(WARNINGS) -Isrc -I. -Itests -Itests/harness -D_GNU_SOURCE $(CMOCKA_CFLAGS)


# --- sources -----------------------------------------------------------------------------------

lib_src := $(sort $(wildcard src/*.c src/*/*.c))
pure_src := $(sort $(wildcard sim/*.c view/*.c trace/*.c))
tools_src := $(sort $(wildcard sock/*.c drivers/*.c run/*.c))
cli_src := $(sort $(wildcard cli/*.c))
sim_src := $(sort $(wildcard sim/main/*.c))
lab_src := $(sort $(wildcard lab/*.c))
example_src := $(sort $(wildcard examples/*.c))
bench_src := $(sort $(wildcard bench/*.c))
fuzz_src := $(sort $(wildcard fuzz/*_fuzz.c))
harness_src := $(sort $(wildcard tests/harness/*.c))
test_src := $(sort $(wildcard tests/*/*_test.c))
lessons := $(sort $(wildcard lab/*.lab))
headers := $(sort $(wildcard include/estab/*.h))
man_src := $(sort $(wildcard docs/man/*.1 docs/man/*.3))

objs = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
lib_obj := $(call objs,$(lib_src))
lab_obj := $(patsubst %.c,$(BUILD)/obj-lab/%.o,$(lab_src))
lab_lib_obj := $(patsubst %.c,$(BUILD)/obj-lab/%.o,$(lib_src))
cli_obj := $(call objs,$(filter-out cli/main.c,$(cli_src)))
tools_obj := $(call objs,$(pure_src) $(tools_src))
harness_obj := $(call objs,$(harness_src))
# packetdrill's stack under test: sockets over the library as one shared object.
packetdrill_src := $(sort $(filter-out %_test.c,$(wildcard tests/packetdrill/*.c)) $(wildcard sock/*.c) drivers/alloc.c)
packetdrill_obj := $(patsubst %.c,$(BUILD)/obj-so/%.o,$(packetdrill_src))
lab_harness_obj := $(patsubst %.c,$(BUILD)/obj-lab/%.o,$(harness_src))

LIB_A := $(BUILD)/libestab.a
LIB_LAB_A := $(BUILD)/libestab-lab.a
LIB_SO := $(BUILD)/libestab.so.$(VERSION)
PACKETDRILL_SO := $(BUILD)/libestab-packetdrill.so
TOOLS_A := $(BUILD)/libestab-tools.a
CLI_A := $(if $(cli_src),$(BUILD)/libestab-cli.a)
ESTAB := $(if $(cli_src),$(BUILD)/estab)
SIM := $(BUILD)/estab-sim $(BUILD)/estab-netlab
LAB := $(if $(lab_src),$(BUILD)/estab-lab)
examples := $(patsubst examples/%.c,$(BUILD)/examples/%,$(example_src))
benches := $(patsubst bench/%.c,$(BUILD)/bench/%,$(bench_src))
fuzzers := $(patsubst fuzz/%.c,$(BUILD)/fuzz/%,$(fuzz_src))
tests := $(patsubst %.c,$(BUILD)/%,$(test_src))
# Those under tests/lab/ see the library whose rules can be taken away.
lab_tests := $(filter $(BUILD)/tests/lab/%,$(tests))

# The program `make swarm` runs; it takes --seeds N, and --hash to print one line over all traces.
SWARM ?= $(BUILD)/estab-sim

# --- default -----------------------------------------------------------------------------------

.PHONY: all lib
all: lib $(ESTAB) $(SIM) $(LAB) $(examples) $(PACKETDRILL_SO)
lib: $(LIB_A) $(BUILD)/libestab.so

# --- rules -------------------------------------------------------------------------------------

# A file that changes only when its text does: objects depend on the flags they were compiled
# with and archives on the list of their members, so a changed flag or a removed file rebuilds.
.PHONY: FORCE
FORCE:
remember = @mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(1))' | cmp -s - $@ || \
    printf '%s\n' '$(subst ','\'',$(1))' > $@

$(BUILD)/flags: FORCE
	$(call remember,$(CC) $(CFLAGS) $(CFLAGS_EXTRA) $(LDFLAGS) $(LDFLAGS_EXTRA) $(ERRORS) $(CMOCKA_CFLAGS) $(PCAP_FLAGS))
# (Of sources: the same whether BUILD is an absolute path or a relative one.)
$(BUILD)/libestab.list: FORCE
	$(call remember,$(lib_src))
$(BUILD)/tools.list: FORCE
	$(call remember,$(pure_src) $(tools_src))
$(BUILD)/programs.list: FORCE
	$(call remember,$(cli_src) $(sim_src) $(lab_src) $(harness_src) $(packetdrill_src))

compile = @mkdir -p $(@D)$(newline)	@echo '  CC    $<'$(newline)	@$(CC) $(1) $(DEPFLAGS) $(CFLAGS) $(CFLAGS_EXTRA) -c $< -o $@
link = @mkdir -p $(@D)$(newline)	@echo '  LINK  $@'$(newline)	@$(CC) $(CFLAGS) $(CFLAGS_EXTRA) $(LDFLAGS) $(LDFLAGS_EXTRA) -o $@ $(filter %.o %.a,$^)
archive = @echo '  AR    $@'$(newline)	@rm -f $@ && $(AR) qcs $@ $(filter %.o,$^)
define newline


endef

$(BUILD)/obj/src/%.o: src/%.c $(BUILD)/flags
	$(call compile,$(SRC_FLAGS))
$(BUILD)/obj-lab/src/%.o: src/%.c $(BUILD)/flags
	$(call compile,$(SRC_FLAGS) -DESTAB_LAB)
$(BUILD)/obj/sim/%.o: sim/%.c $(BUILD)/flags
	$(call compile,$(PURE_FLAGS))
$(BUILD)/obj/view/%.o: view/%.c $(BUILD)/flags
	$(call compile,$(PURE_FLAGS))
$(BUILD)/obj-lab/lab/%.o: lab/%.c $(BUILD)/flags
	$(call compile,$(TOOLS_FLAGS) -DESTAB_LAB)
$(BUILD)/obj/trace/%.o: trace/%.c $(BUILD)/flags
	$(call compile,$(PURE_FLAGS))
$(BUILD)/obj-lab/tests/%.o: tests/%.c $(BUILD)/flags
	$(call compile,$(TEST_FLAGS) -DESTAB_LAB)
$(BUILD)/obj/tests/%.o: tests/%.c $(BUILD)/flags
	$(call compile,$(TEST_FLAGS))
$(BUILD)/obj/fuzz/%.o: fuzz/%.c $(BUILD)/flags
	$(call compile,$(COMMON) $(WARNINGS) -Isrc -I. -D_GNU_SOURCE)
$(BUILD)/obj-so/%.o: %.c $(BUILD)/flags
	$(call compile,$(TOOLS_FLAGS) $(HIDDEN))
$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	$(call compile,$(TOOLS_FLAGS) $(PCAP_FLAGS))

$(LIB_A): $(lib_obj) $(BUILD)/libestab.list
	$(archive)
$(LIB_LAB_A): $(lab_lib_obj) $(BUILD)/libestab.list
	$(archive)
$(TOOLS_A): $(tools_obj) $(BUILD)/tools.list
	$(archive)

$(BUILD)/obj/trace/html.o: trace/report.html $(wildcard trace/vendor/uplot/*)

# The commands without their main(), so that tests can link their parts.
$(CLI_A): $(cli_obj) $(BUILD)/programs.list
	$(archive)

$(LIB_SO): $(lib_obj) $(BUILD)/libestab.list
	@echo '  LINK  $@'
	@$(CC) $(CFLAGS) $(CFLAGS_EXTRA) $(LDFLAGS) $(LDFLAGS_EXTRA) -shared \
	    -Wl,-soname,libestab.so.$(SOVERSION) -o $@ $(lib_obj)
$(BUILD)/libestab.so: $(LIB_SO)
	@ln -sf $(notdir $<) $(BUILD)/libestab.so.$(SOVERSION)
	@ln -sf libestab.so.$(SOVERSION) $@

$(PACKETDRILL_SO): $(packetdrill_obj) $(LIB_A) $(BUILD)/programs.list
	@echo '  LINK  $@'
	@$(CC) $(CFLAGS) $(CFLAGS_EXTRA) $(LDFLAGS) $(LDFLAGS_EXTRA) -shared -pthread -Wl,--exclude-libs,ALL \
	    -o $@ $(packetdrill_obj) $(LIB_A)
$(filter $(BUILD)/tests/packetdrill/%,$(tests)): | $(PACKETDRILL_SO)

$(BUILD)/estab: $(call objs,cli/main.c) $(CLI_A) $(TOOLS_A) $(LIB_A) $(BUILD)/programs.list
	$(link) $(TOOLS_LIBS)
$(BUILD)/estab-netlab: $(call objs,sim/main/netlab.c) $(TOOLS_A) $(LIB_A) $(BUILD)/programs.list
	$(link)
$(BUILD)/estab-sim: $(call objs,sim/main/swarm.c) $(TOOLS_A) $(LIB_A) $(BUILD)/programs.list
	$(link)
# The lab may switch single rules of TCP off, which the library proper cannot.
$(BUILD)/estab-lab: $(lab_obj) $(CLI_A) $(TOOLS_A) $(LIB_LAB_A) $(BUILD)/programs.list
	$(link) $(TOOLS_LIBS)
$(examples): $(BUILD)/examples/%: $(BUILD)/obj/examples/%.o $(TOOLS_A) $(LIB_A)
	$(link) $(TOOLS_LIBS)
$(benches): $(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(TOOLS_A) $(LIB_A)
	$(link) $(TOOLS_LIBS)
$(filter-out $(lab_tests),$(tests)): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(harness_obj) $(CLI_A) $(TOOLS_A) $(LIB_A) \
    $(BUILD)/programs.list | $(CMOCKA_A)
	$(link) $(CMOCKA_LIBS) $(TOOLS_LIBS)
$(lab_tests): $(BUILD)/tests/%: $(BUILD)/obj-lab/tests/%.o $(lab_harness_obj) $(TOOLS_A) $(LIB_LAB_A) $(BUILD)/programs.list \
    | $(CMOCKA_A)
	$(link) $(CMOCKA_LIBS) $(TOOLS_LIBS)
# The ladders with the library whose rules can be taken away (tests/harness/peer.c).
bite_tests := $(patsubst $(BUILD)/tests/%,$(BUILD)/bite/%,$(filter $(BUILD)/tests/tcp/%,$(tests)))
$(bite_tests): $(BUILD)/bite/%: $(BUILD)/obj-lab/tests/%.o $(lab_harness_obj) $(CLI_A) $(TOOLS_A) $(LIB_LAB_A) \
    $(BUILD)/programs.list | $(CMOCKA_A)
	$(link) $(CMOCKA_LIBS) $(TOOLS_LIBS)
ifneq ($(CMOCKA_SRC),)
$(CMOCKA_A): $(CMOCKA_SRC)/src/cmocka.c $(BUILD)/flags
	@echo '  CC    $<'
	@$(CC) -std=gnu11 -w -O1 -g $(CFLAGS_EXTRA) -I$(CMOCKA_SRC)/include -DHAVE_MALLOC_H -DHAVE_INTTYPES_H \
	    -DHAVE_SIGNAL_H -DHAVE_STRINGS_H -DHAVE_GCC_THREAD_LOCAL_STORAGE -DHAVE_SIGLONGJMP \
	    -DHAVE_STRSIGNAL -DHAVE_STRUCT_TIMESPEC -DHAVE_CLOCK_REALTIME -c $< -o $(BUILD)/cmocka.o
	@rm -f $@ && $(AR) rcs $@ $(BUILD)/cmocka.o
endif

# With FUZZER=1 the targets are linked with libFuzzer, else with our own replay-and-burst driver.
fuzz_main := $(if $(FUZZER),,$(call objs,$(wildcard fuzz/driver.c)))
$(fuzzers): $(BUILD)/fuzz/%: $(BUILD)/obj/fuzz/%.o $(fuzz_main) $(CLI_A) $(TOOLS_A) $(LIB_A)
	$(link) $(if $(FUZZER),-fsanitize=fuzzer) $(TOOLS_LIBS)

.SECONDARY:
-include $(shell find $(BUILD)/obj $(BUILD)/obj-lab $(BUILD)/obj-so -name '*.d' 2>/dev/null)

# --- test and check ----------------------------------------------------------------------------

ASAN := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

.PHONY: test test-build test-run unit
# Everything: unit tests, public headers as C++, fuzz corpora and a burst, interoperability.
test:
	@tools/setup --check test
	@$(MAKE) --no-print-directory test-build
	@$(MAKE) --no-print-directory test-run
test-build: all $(benches) $(tests) $(fuzzers)
test-run: test-build
	@RUNNER='$(RUNNER)' CC='$(CC)' CXX='$(CXX)' tools/run-tests --build $(BUILD) $(tests) --cxx-headers \
	    $(addprefix --fuzz ,$(fuzzers)) $(addprefix --suite ,$(wildcard tests/*/run))
# Only the unit tests: for other compilers, word sizes and byte orders.
unit: $(tests)
	@RUNNER='$(RUNNER)' tools/run-tests --build $(BUILD) $(tests)

.PHONY: check check-format check-asan asan
# What must hold before a commit beside `make test`: layout, house rules, sanitizers.
check:
	@tools/setup --check check
	@tools/setup --check test
	@$(MAKE) --no-print-directory check-format
	@$(MAKE) --no-print-directory tidy
	@$(MAKE) --no-print-directory check-asan
c_files = $(shell git ls-files -co --exclude-standard '*.c' '*.h' 2>/dev/null)
check-format:
	@$(CLANG_FORMAT) --dry-run -Werror $(c_files) && echo 'format: clean'
check-asan:
	@ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 \
	    $(MAKE) --no-print-directory BUILD=build-asan CFLAGS='$(ASAN)' asan
asan: $(tests) $(fuzzers)
	@tools/run-tests --build $(BUILD) $(tests) $(addprefix --fuzz ,$(fuzzers))

# Which lines and branches of src/ the unit tests run; COVERAGE=--lines names those they do not.
# Left out are the long flows, which repeat what shorter ones show.
COVERAGE ?=
.PHONY: coverage coverage-run
coverage:
	@$(MAKE) --no-print-directory BUILD=build-coverage CFLAGS='-O0 -g --coverage' LDFLAGS_EXTRA=--coverage coverage-run
	@BUILD=build-coverage tools/coverage $(COVERAGE)
coverage-run: $(tests)
	@find $(BUILD) -name '*.gcda' -exec rm -f {} +
	@tools/run-tests --build $(BUILD) --timeout 600 $(filter-out %/fairness_test %/congestion_test %/weather_test %/long_path_test,$(tests))

.PHONY: format tidy rfc-map
format:
	$(CLANG_FORMAT) -i $(c_files)
tidy: $(LIB_A)
	@BUILD=$(BUILD) tools/tidy
rfc-map:
	@tools/rfc-map
# For each MUST: does its own test fail when the rule is taken away? And who notices each rule's absence.
.PHONY: bite mutants
bite: $(bite_tests)
	@BUILD=$(BUILD) tools/rfc-map --bite
mutants: all $(tests)
	@BUILD=$(BUILD) tools/mutants

.PHONY: bench benches fuzz demo swarm
benches: $(benches)
# estab against its goals, beside lwIP in one run, and against what the machine can do.
bench: $(benches)
	@tools/setup --check bench
	@for b in $(benches); do echo "== $$b"; $(RUNNER) $$b || exit 1; done
	@echo '== bench/peers' && bench/peers --build $(BUILD) --svg docs/performance/lwip.svg
	@echo '== bench/limits' && bench/limits --build $(BUILD)
# Instructions per packet, round trip and connection against bench/instructions.golden: valgrind counts.
.PHONY: bench-instructions
bench-instructions: $(BUILD)/bench/bench
	@bench/instructions --check $(BUILD)/bench/bench || { rc=$$?; test $$rc = 77 || exit $$rc; }
# estab and Linux over the same bad paths, through `estab wan`; WAN='--full' for every path.
WAN ?=
.PHONY: bench-wan
bench-wan: $(ESTAB)
	@bench/wan --build $(BUILD) $(WAN) || { rc=$$?; test $$rc = 77 || exit $$rc; }
# Coverage-guided, sanitized fuzzing of every target for SECONDS each; needs clang.
fuzz:
	@tools/setup --check check
	@$(MAKE) --no-print-directory BUILD=build-fuzz CC=clang FUZZER=1 \
	    CFLAGS='-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' fuzz-run
.PHONY: fuzz-run
fuzz-run: $(fuzzers)
	@for f in $(fuzzers); do n=$${f##*/}; n=$${n%_fuzz}; mkdir -p fuzz/corpus/$$n $(BUILD)/corpus/$$n; \
	    echo "== $$n, $(SECONDS) s"; \
	    $$f -max_total_time=$(SECONDS) -timeout=10 -print_final_stats=1 -artifact_prefix=$(BUILD)/$$n- \
	        $(BUILD)/corpus/$$n fuzz/corpus/$$n || exit 1; done
demo: all
	@$(RUNNER) $(BUILD)/estab demo
swarm: all
	@test -x $(SWARM) || { echo 'swarm: $(SWARM) is not built (no sim/main/*.c)'; exit 1; }
	@$(RUNNER) $(SWARM) --seeds $(SEEDS)

# The network laboratory: `netlab` runs the whole grid, as many parts at a time as there are
# processors; `netlab-golden` writes anew what tests/netlab compares.
.PHONY: netlab netlab-golden
netlab: $(BUILD)/estab-netlab
	@NETLAB='$(RUNNER) $(BUILD)/estab-netlab' tools/netlab $(BUILD)/netlab docs/performance
netlab-golden: $(BUILD)/estab-netlab
	$(RUNNER) $(BUILD)/estab-netlab --quick --seeds 1 > tests/netlab/golden.txt

# An hour of virtual time with every algorithm over a path that does everything wrong, a minute of ours.
.PHONY: long-path
long-path: $(BUILD)/tests/sim/long_path_test
	ESTAB_LONG_PATH=3600 $(RUNNER) $(BUILD)/tests/sim/long_path_test

# The pictures of README.md, of real runs: moving ones, and stills where there is a Chromium.
.PHONY: pictures
pictures: $(ESTAB)
	@BUILD=$(BUILD) tools/pictures

# --- install -----------------------------------------------------------------------------------

.PHONY: install uninstall
install: all
	$(INSTALL) -d $(DESTDIR)$(INCLUDEDIR)/estab $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(BINDIR) \
	    $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man3
	$(INSTALL) -m 644 $(headers) $(DESTDIR)$(INCLUDEDIR)/estab
	$(INSTALL) -m 644 $(LIB_A) $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 755 $(LIB_SO) $(DESTDIR)$(LIBDIR)
	ln -sf libestab.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libestab.so.$(SOVERSION)
	ln -sf libestab.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libestab.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	    -e 's|@VERSION@|$(VERSION)|' packaging/estab.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/estab.pc
	for p in $(ESTAB) $(LAB); do $(INSTALL) -m 755 $$p $(DESTDIR)$(BINDIR) || exit 1; done
	$(INSTALL) -d $(DESTDIR)$(DATADIR)/estab/lab
	$(INSTALL) -m 644 $(lessons) $(DESTDIR)$(DATADIR)/estab/lab
	for m in $(man_src); do $(INSTALL) -m 644 $$m $(DESTDIR)$(MANDIR)/man$${m##*.} || exit 1; done
uninstall:
	rm -f $(addprefix $(DESTDIR)$(INCLUDEDIR)/estab/,$(notdir $(headers))) \
	    $(addprefix $(DESTDIR)$(LIBDIR)/,libestab.a libestab.so libestab.so.$(SOVERSION) \
	        libestab.so.$(VERSION) pkgconfig/estab.pc) \
	    $(addprefix $(DESTDIR)$(BINDIR)/,estab estab-lab) \
	    $(foreach m,$(man_src),$(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $m))/$(notdir $m))
	rm -f $(addprefix $(DESTDIR)$(DATADIR)/estab/lab/,$(notdir $(lessons)))
	-rmdir $(DESTDIR)$(INCLUDEDIR)/estab $(DESTDIR)$(DATADIR)/estab/lab $(DESTDIR)$(DATADIR)/estab

# --- the rest ----------------------------------------------------------------------------------

.PHONY: clean help
clean:
	rm -rf build build-* $(BUILD)

help:
	@echo 'make                    libestab.a, libestab.so, the estab command, the examples and the packetdrill object'
	@echo 'make lib                only the library'
	@echo 'make demo               show it working'
	@echo 'make test               every test; installs what it needs as root, else says what is missing'
	@echo 'make unit               only the unit tests (honours RUNNER)'
	@echo 'make check              layout, house rules, tests under ASan and UBSan'
	@echo 'make bite               whether the test of a rule fails when the rule is taken away'
	@echo 'make mutants            who notices when a rule is taken away: matrix, lessons, swarm'
	@echo 'make coverage           which lines and branches of the library the unit tests run'
	@echo 'make bench              every benchmark; beside lwIP in the same run, and the floor of this machine'
	@echo 'make bench-instructions instructions per packet, round trip, connection against the golden figures (valgrind)'
	@echo 'make bench-wan          estab and Linux over long, slow and lossy paths (root); WAN=--full for all'
	@echo 'make fuzz SECONDS=60    coverage-guided fuzzing of every target (clang)'
	@echo 'make swarm SEEDS=1000   the simulator over that many seeds'
	@echo 'make netlab             the network laboratory, whole: maps, and docs/performance/netlab.txt (half an hour)'
	@echo 'make netlab-golden      the table that tests/netlab compares'
	@echo 'make long-path          an hour of virtual time over the worst of paths, with every algorithm'
	@echo 'make format             clang-format 14 over every C file'
	@echo 'make tidy               the house rules'
	@echo 'make rfc-map            docs/rfc/9293.md from the code, the tests and the last make test'
	@echo 'make install            PREFIX=/usr/local DESTDIR= LIBDIR= INCLUDEDIR= BINDIR= MANDIR= DATADIR='
	@echo 'make uninstall          removes what install installed'
	@echo 'make clean              removes every build directory'
	@echo 'Variables: LTO=1 BUILD CC CFLAGS CFLAGS_EXTRA LDFLAGS_EXTRA RUNNER WERROR TOOLS_LIBS'
