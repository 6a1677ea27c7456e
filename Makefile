# sib: single inbox. "make help" lists what there is.
SHELL       := /bin/bash
BUILD       ?= build
PREFIX      ?= /usr/local
DESTDIR     ?=
CC          ?= gcc
V           ?=
VERSION     := 0.1.0

.DEFAULT_GOAL := all

LIBS_PC     := libcurl libxml-2.0 openssl uuid sqlite3 libevent jansson inih libsystemd
# Asked for only when something is compiled, so that "make help" and "make clean" need nothing.
PC_CFLAGS    = $(eval PC_CFLAGS := $$(shell pkg-config --cflags $(LIBS_PC)))$(PC_CFLAGS)
PC_LIBS      = $(eval PC_LIBS := $$(shell pkg-config --libs $(LIBS_PC)))$(PC_LIBS)

WARN        := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
               -Wformat=2 -Wundef -Wpointer-arith -Wwrite-strings -Wno-format-nonliteral
HARDEN      := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
CPPFLAGS    += -I. -D_GNU_SOURCE -DSIB_VERSION='"$(VERSION)"'
OPT         ?= -O2 -g
CFLAGS_ALL   = -std=c17 $(OPT) $(WARN) $(HARDEN) $(PC_CFLAGS) $(CFLAGS)
LDFLAGS_ALL  = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

# The build of the tests: sanitizers and crash points. Fortify and ASan do not go together.
SAN_FLAGS   := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
               -DSIB_CRASH_POINTS -DSIB_BUGS

FOLDERS     := base store queue remote ews sync notify role admin
MAINS       := role/sibd sync/sib_sync notify/sib_notify admin/sibctl admin/sib_admin \
               tests/exchange/sib_exchange tests/exchange/sib_exchange_user tests/demo/sib_compare \
               tests/attack/sib_attack
# Order of linking: users before used.
LINK_ORDER  := admin sync notify role ews remote queue store base

MAIN_SRC    := $(addsuffix .c,$(MAINS))
lib_src      = $(filter-out $(MAIN_SRC),$(sort $(wildcard $(1)/*.c)))
EXCHANGE_SRC := $(filter-out $(MAIN_SRC),$(sort $(wildcard tests/exchange/*.c)))
ATTACK_SRC  := $(filter-out $(MAIN_SRC),$(sort $(wildcard tests/attack/*.c)))
TEST_SUPPORT := $(sort $(wildcard tests/support/*.c))
FUZZ_SRC    := $(sort $(wildcard tests/fuzz/fuzz_*.c))
WALK_SRC    := $(sort $(filter-out tests/walk/test_%,$(wildcard tests/walk/*.c)))
TEST_SRC    := $(sort $(wildcard tests/unit/test_*.c tests/fuzz/test_*.c tests/walk/test_*.c))
ALL_SRC     := $(foreach f,$(FOLDERS),$(wildcard $(f)/*.c)) $(wildcard tests/*/*.c)
ALL_HDR     := $(foreach f,$(FOLDERS),$(wildcard $(f)/*.h)) $(wildcard tests/*/*.h)

# A program's name has dashes where its file has underscores.
prog_name    = $(subst _,-,$(notdir $(1)))

Q := $(if $(V),,@)
say = @$(if $(V),true,printf '  %-4s %s\n' "$(1)" "$(2)")

# build_rules DIR, CFLAGS, LDFLAGS: a library a folder, programs, test programs
define build_rules
$(foreach f,$(FOLDERS),$(eval $(1)_$(f)_obj := $(patsubst %.c,$(1)/obj/%.o,$(call lib_src,$(f)))))
$(eval $(1)_exchange_obj := $(patsubst %.c,$(1)/obj/%.o,$(EXCHANGE_SRC)))
$(eval $(1)_attack_obj := $(patsubst %.c,$(1)/obj/%.o,$(ATTACK_SRC)))
$(eval $(1)_fuzz_obj := $(patsubst %.c,$(1)/obj/%.o,$(FUZZ_SRC)))
$(eval $(1)_walk_obj := $(patsubst %.c,$(1)/obj/%.o,$(WALK_SRC)))
$(eval $(1)_support_obj := $(patsubst %.c,$(1)/obj/%.o,$(TEST_SUPPORT)))

$(1)/obj/%.o: %.c | .deps-installed
	$$(call say,CC,$$<)
	$(Q)mkdir -p $$(@D)
	$(Q)$(CC) $(CPPFLAGS) $(2) -MMD -MP -c -o $$@ $$<

$(foreach f,$(FOLDERS),$(if $($(1)_$(f)_obj),$(1)/lib/lib$(f).a: $($(1)_$(f)_obj)
	$(Q)mkdir -p $$(@D); rm -f $$@; ar rcs $$@ $$^

))
$(1)/lib/libexchange.a: $($(1)_exchange_obj)
	$(Q)mkdir -p $$(@D); rm -f $$@; ar rcs $$@ $$^

$(1)/lib/libsupport.a: $($(1)_support_obj)
	$(Q)mkdir -p $$(@D); rm -f $$@; ar rcs $$@ $$^

$(1)/lib/libwalk.a: $($(1)_walk_obj)
	$(Q)mkdir -p $$(@D); rm -f $$@; ar rcs $$@ $$^

$(1)/lib/libfuzz.a: $($(1)_fuzz_obj)
	$(Q)mkdir -p $$(@D); rm -f $$@; ar rcs $$@ $$^

$(eval $(1)_libs := $(foreach f,$(LINK_ORDER),$(if $($(1)_$(f)_obj),$(1)/lib/lib$(f).a)))
$(foreach m,$(MAINS),$(if $(wildcard $(m).c),$(1)/bin/$(call prog_name,$(m)): $(1)/obj/$(m).o $(1)/lib/libexchange.a $($(1)_libs) $(if $(findstring attack,$(m)),$($(1)_attack_obj))
	$$(call say,LD,$$@)
	$(Q)mkdir -p $$(@D)
	$(Q)$(CC) $(2) $(3) -o $$@ $$(filter %.o,$$^) $(if $(findstring exchange,$(m)),$(1)/lib/libexchange.a) $($(1)_libs) $$(PC_LIBS)

))
$(foreach t,$(TEST_SRC),$(1)/tests/$(basename $(notdir $(t))): $(1)/obj/$(basename $(t)).o $(1)/lib/libwalk.a $(1)/lib/libsupport.a $(1)/lib/libfuzz.a $(1)/lib/libexchange.a $($(1)_libs)
	$$(call say,LD,$$@)
	$(Q)mkdir -p $$(@D)
	$(Q)$(CC) $(2) $(3) -o $$@ $$(filter %.o,$$^) $(1)/lib/libwalk.a $(1)/lib/libsupport.a $(1)/lib/libfuzz.a $(1)/lib/libexchange.a $($(1)_libs) $$(PC_LIBS) -lcmocka

)
-include $$(shell find $(1)/obj -name '*.d' 2>/dev/null)
endef

PROGRAMS     = $(foreach m,$(MAINS),$(if $(wildcard $(m).c),$(1)/bin/$(call prog_name,$(m))))
TESTS        = $(foreach t,$(TEST_SRC),$(1)/tests/$(basename $(notdir $(t))))

$(eval $(call build_rules,$(BUILD),$$(CFLAGS_ALL),$$(LDFLAGS_ALL)))
$(eval $(call build_rules,$(BUILD)/bugs,$$(CFLAGS_ALL) -DSIB_BUGS,$$(LDFLAGS_ALL)))
$(eval $(call build_rules,$(BUILD)/san,-std=c17 $(WARN) $(SAN_FLAGS) $$(PC_CFLAGS),-fsanitize=address,undefined))

.PHONY: all san test tests rules check bench fuzz prove walk walk-bugs demo run install uninstall clean help deps .deps-installed

all: $(call PROGRAMS,$(BUILD))
san: $(call PROGRAMS,$(BUILD)/san) $(call TESTS,$(BUILD)/san)
tests: $(call TESTS,$(BUILD))

# Everything with the sanitizers; closes with "N passed, N failed".
SHELL_TESTS := $(sort $(wildcard tests/*/test-*.sh))
test: deps
	@$(MAKE) --no-print-directory -j2 all san
	@rm -rf $(BUILD)/test-logs
	@SIB_TEST_LOGS=$(BUILD)/test-logs scripts/run-tests $(BUILD)/san/tests $(SHELL_TESTS)

# The table of docs/rules.md anew, from what the tests of the last "make test" said.
rules:
	@scripts/rules write $(BUILD)/test-logs

check:
	@scripts/install-deps check
	@scripts/check-includes
	@scripts/check-headers
	@scripts/check-format
	@scripts/check-words
	@scripts/check-docs
	@scripts/rules check
	@scripts/check-tidy

# What takes longer: PROVE_SEEDS walks, 100,000 staged creates, every crash point.
PROVE_SEEDS ?= 2000
prove: deps
	@$(MAKE) --no-print-directory -j2 $(BUILD)/tests/test_walk $(BUILD)/tests/test_walk_fast $(BUILD)/san/tests/test_crash_points \
	    $(BUILD)/tests/test_stage_histories $(BUILD)/tests/test_stage_whole
	@scripts/prove $(BUILD) $(PROVE_SEEDS)

# Each parser of outside bytes, FUZZ_SECONDS each (needs clang). Before a release for longer:
#   make fuzz FUZZ_SECONDS=600
# and one of them alone: tests/fuzz/run 3600 ews_response
FUZZ_SECONDS ?= 20
fuzz:
	@scripts/install-deps check
	@tests/fuzz/run $(FUZZ_SECONDS)

# Random walks over an Exchange in memory, SEEDS of them from FIRST on, over all processors:
#   make walk SEEDS=100000            make walk SEED=4711 tells the story of one
SEEDS ?= 2000
FIRST ?= 1
walk: $(BUILD)/tests/test_walk_fast
	@$(if $(SEED),WALK_SEED=$(SEED),WALK_PROGRESS=1 WALK_SEEDS=$(SEEDS) WALK_FIRST=$(FIRST)) $<

# Is each deliberate bug (base/bug.h) caught? Writes tests/walk/bugs.txt.
walk-bugs: $(BUILD)/bugs/tests/test_walk_fast
	@WALK_BUGS=1 $< >$(BUILD)/bugs.txt && cp $(BUILD)/bugs.txt tests/walk/bugs.txt

bench: all
	@tests/bench/run

demo: all
	@scripts/demo

run: all
	@scripts/demo --stay

# Says nothing when all is there; else installs with apt and says what.
.deps-installed:
	@scripts/install-deps build

deps:
	@scripts/install-deps test

clean:
	rm -rf $(BUILD) build-*

BIN_PROGRAMS  := sibctl
SBIN_PROGRAMS := sibd
# Services stand beside sibd, which looks for them there.
LIB_PROGRAMS  := sib-sync sib-notify sib-admin
INSTALL       ?= install

install: all
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/share/doc/sib \
	    $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 \
	    $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/lib/systemd/system
	$(INSTALL) -m 755 $(BIN_PROGRAMS:%=$(BUILD)/bin/%) $(DESTDIR)$(PREFIX)/bin
	$(INSTALL) -m 755 $(SBIN_PROGRAMS:%=$(BUILD)/bin/%) $(LIB_PROGRAMS:%=$(BUILD)/bin/%) \
	    $(DESTDIR)$(PREFIX)/sbin
	for page in docs/man/*.[158]; do \
	    $(INSTALL) -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/ || exit 1; done
	sed 's,/usr/sbin/,$(PREFIX)/sbin/,g; s,/usr/bin/sibd,$(PREFIX)/sbin/sibd,g' packaging/sib.service \
	    > $(DESTDIR)$(PREFIX)/lib/systemd/system/sib.service
	$(INSTALL) -m 644 packaging/sib.conf README.md $(DESTDIR)$(PREFIX)/share/doc/sib

uninstall:
	rm -f $(BIN_PROGRAMS:%=$(DESTDIR)$(PREFIX)/bin/%) $(SBIN_PROGRAMS:%=$(DESTDIR)$(PREFIX)/sbin/%) \
	    $(LIB_PROGRAMS:%=$(DESTDIR)$(PREFIX)/sbin/%) $(DESTDIR)$(PREFIX)/lib/systemd/system/sib.service \
	    $(foreach p,$(notdir $(wildcard docs/man/*.[158])),$(DESTDIR)$(PREFIX)/share/man/man$(lastword $(subst ., ,$(p)))/$(p))
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/sib

help:
	@echo "make            build everything into $(BUILD)/bin"
	@echo "make demo       show both sides, with a stand-in for Exchange; ends by itself"
	@echo "make run        the same, left running, with what to try"
	@echo "make test       all tests, with sanitizers; closes with N passed, N failed"
	@echo "make prove      what takes longer: many seeds, every crash point"
	@echo "make rules      write the table of docs/rules.md from the last make test"
	@echo "make walk       random walks, SEEDS=2000 of them; SEED=n tells the story of one"
	@echo "make walk-bugs  is each deliberate bug caught by a walk?"
	@echo "make fuzz       every parser of outside bytes, FUZZ_SECONDS=20 each (600 before a release)"
	@echo "make bench      speed, each figure beside its limit"
	@echo "make check      who includes whom, headers, format, words, documents, clang-tidy"
	@echo "make install    into PREFIX=$(PREFIX) (DESTDIR for packagers); make uninstall"
	@echo "make clean      remove $(BUILD)"
