// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The filter that the kernel runs on each frame before our copy of it reaches the ring.
//
// Enters: a frame, and what the sensor has judged of its flow (`flows`). Leaves: how many bytes of
// our copy to keep: all, the headers, or none. Never: touches the packet itself, which goes its way
// whatever is answered here; judges a flow on its own; sheds a frame that it does not understand.
//
// A flow that is not in `flows` passes whole. Only the sensor puts one there, so that a flood of
// strange flows costs the table nothing. Everything is plain arithmetic over copied headers; the
// layout of keys and verdicts is that of `verdict.rs`.
//
// Built by `make prefilter` (clang -O2 -target bpf); tests/prefilter.rs compares the result with the
// object in the tree.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static __attribute__((always_inline)) inline
#define swap16(x) __builtin_bswap16(x)
#define swap32(x) __builtin_bswap32(x)
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "built for little-endian machines"
#endif

// Of linux/bpf.h. The order of the fields of __sk_buff is part of the kernel's interface.
struct __sk_buff {
	u32 len;
	u32 pkt_type;
	u32 mark;
	u32 queue_mapping;
	u32 protocol;
};
struct map {
	u32 type, key_size, value_size, max_entries, flags;
};
enum { PERCPU_ARRAY = 6, LRU_HASH = 9, LPM_TRIE = 11, NO_PREALLOC = 1 };

static void *(*lookup)(void *map, const void *key) = (void *)1;
static long (*load)(const void *skb, u32 offset, void *to, u32 len) = (void *)26;
static u64 (*coarse_ns)(void) = (void *)160;

// Set by the loader before the program is verified.
volatile const u32 ethernet = 1;    // frames begin with an Ethernet header, else with IP
volatile const u32 keep = ~0u;      // most bytes kept of a frame
volatile const u32 excluded4 = 0;   // is anything in `excluded_ipv4`?
volatile const u32 excluded6 = 0;

// Both directions of a flow: the lower end first, addresses and ports compared as numbers.
struct key {
	u8 low[16], high[16];
	u16 low_port, high_port; // network byte order
	u8 protocol, version, spare[2];
};

// What the sensor has judged.
enum {
	LOW_READ_OUT = 1,  // nothing more is read of what the lower end sends
	HIGH_READ_OUT = 2,
	SETTLED = 4,       // nothing more is read of either
	WATCHED = 8,       // only sizes and times are wanted: the headers
};
struct verdict {
	u64 passed_ns;     // when a frame was last let through to keep the sensor's entry alive
	u32 from;          // the message that settled it: a copy of it passes, it may differ
	u32 ack[2];        // newest acknowledgement let through of each end that is read out
	u16 len;
	u8 what, range_of; // whose message: 0 nobody's, 1 the lower end's, 2 the higher end's
};

struct prefix4 {
	u32 bits;
	u8 address[4];
};
struct prefix6 {
	u32 bits;
	u8 address[16];
};

// Why less than the whole frame was kept.
enum { BY_SETTLED, BY_READ_OUT, BY_WATCHED, BY_EXCLUDED, REASONS };
struct shed {
	u64 frames, bytes;
};

struct map SECTION("maps") flows = {LRU_HASH, sizeof(struct key), sizeof(struct verdict), 1, 0};
struct map SECTION("maps") shed = {PERCPU_ARRAY, sizeof(u32), sizeof(struct shed), REASONS, 0};
struct map SECTION("maps") excluded_ipv4 = {LPM_TRIE, sizeof(struct prefix4), 1, 1, NO_PREALLOC};
struct map SECTION("maps") excluded_ipv6 = {LPM_TRIE, sizeof(struct prefix6), 1, 1, NO_PREALLOC};

// As in the kernel's headers, in network byte order.
struct ipv4 {
	u8 version_len, tos;
	u16 total_len, id, fragment;
	u8 ttl, protocol;
	u16 sum;
	u8 src[4], dst[4];
};
struct ipv6 {
	u32 version_class_label;
	u16 payload_len;
	u8 next, hops;
	u8 src[16], dst[16];
};
struct tcp {
	u16 src, dst;
	u32 seq, ack;
	u8 offset, flags;
	u16 window, sum, urgent;
};
struct udp {
	u16 src, dst, len, sum;
};

enum { IPV4 = 0x0800, IPV6 = 0x86dd, VLAN = 0x8100, QINQ = 0x88a8, TCP = 6, UDP = 17 };
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };
#define QUIC_2 0x6b3343cfu
// Of a settled flow a frame passes after so long, so that the sensor does not forget it.
#define SETTLED_PASS_NS 60000000000ull
// The same while it is not settled: the time of its newest frame may still be told.
#define READ_OUT_PASS_NS 1000000000ull
// After so long without a frame the sensor has forgotten it (flow::tcp::SETTLED_S), and a minute.
#define FORGOTTEN_NS 3660000000000ull

INLINE u32 whole(void)
{
	return keep;
}

INLINE void count(u32 why, u32 bytes)
{
	struct shed *s = lookup(&shed, &why);
	if (s) {
		s->frames++;
		s->bytes += bytes;
	}
}

INLINE u32 none(struct __sk_buff *skb, u32 why)
{
	count(why, skb->len);
	return 0;
}

// The headers alone: times, numbers and lengths stand there.
INLINE u32 headers(struct __sk_buff *skb, u32 len)
{
	if (len >= skb->len || len >= keep)
		return whole();
	count(BY_WATCHED, skb->len - len);
	return len;
}

INLINE int is_excluded4(const u8 *address)
{
	struct prefix4 key = {.bits = 32, .address = {}};
	__builtin_memcpy(key.address, address, 4);
	return lookup(&excluded_ipv4, &key) != 0;
}

INLINE int is_excluded6(const u8 *address)
{
	struct prefix6 key = {.bits = 128, .address = {}};
	__builtin_memcpy(key.address, address, 16);
	return lookup(&excluded_ipv6, &key) != 0;
}

INLINE u32 word(const u8 *at)
{
	u32 value;
	__builtin_memcpy(&value, at, 4);
	return swap32(value);
}

// Is a before b? Both have `words` words.
INLINE int before(const u8 *a, u16 a_port, const u8 *b, u16 b_port, int words)
{
#pragma unroll
	for (int i = 0; i < 4; i++) {
		if (i >= words)
			break;
		u32 x = word(a + 4 * i), y = word(b + 4 * i);
		if (x != y)
			return x < y;
	}
	return swap16(a_port) <= swap16(b_port);
}

// Fills the key; is the sender its higher end?
INLINE int fill(struct key *key, const u8 *src, const u8 *dst, u16 sport, u16 dport, int words)
{
	if (before(src, sport, dst, dport, words)) {
		__builtin_memcpy(key->low, src, 4 * words);
		__builtin_memcpy(key->high, dst, 4 * words);
		key->low_port = sport;
		key->high_port = dport;
		return 0;
	}
	__builtin_memcpy(key->low, dst, 4 * words);
	__builtin_memcpy(key->high, src, 4 * words);
	key->low_port = dport;
	key->high_port = sport;
	return 1;
}

// Must a frame of this flow pass, because the sensor would forget the flow, or has?
INLINE int is_due(struct verdict *v, u64 now)
{
	u64 since = now - v->passed_ns;
	if (v->passed_ns == 0) {
		v->passed_ns = now;
		return 0;
	}
	if (since > FORGOTTEN_NS) {
		v->what = 0;
		return 1;
	}
	u64 pace = v->what & SETTLED ? SETTLED_PASS_NS : READ_OUT_PASS_NS;
	if (since < pace)
		return 0;
	v->passed_ns = now;
	return 1;
}

// Is this another acknowledgement than the last of this end? Without CAP_PERFMON the kernel takes no
// pointer whose place in the entry is computed, so the two ends are kept apart.
INLINE int is_news(struct verdict *v, u32 ack, int high)
{
	if (high) {
		if (v->ack[1] == ack)
			return 0;
		v->ack[1] = ack;
		asm volatile("" ::: "memory");
		return 1;
	}
	if (v->ack[0] == ack)
		return 0;
	v->ack[0] = ack;
	return 1;
}

// `at`: where the TCP header begins; `end`: where the packet ends.
INLINE u32 segment(struct __sk_buff *skb, struct verdict *v, const struct tcp *t, int high, u32 at,
		   u32 end)
{
	// A new connection on these ports, or what claims to be one: the sensor judges anew.
	if (t->flags & SYN)
		v->what = 0;
	u8 what = v->what;
	u32 len = (t->offset >> 4) * 4;
	if (what == 0 || t->flags & (SYN | FIN | RST) || len < 20 || at + len > end)
		return whole();
	if (v->range_of == high + 1 && swap32(t->seq) - v->from < v->len)
		return whole();
	if (is_due(v, coarse_ns()))
		return whole();
	if (what & WATCHED)
		return headers(skb, at + len);
	if (what & SETTLED)
		return none(skb, BY_SETTLED);
	if (at + len == end)
		return whole();
	if (!(what & (high ? HIGH_READ_OUT : LOW_READ_OUT))) {
		u8 first = 0;
		load(skb, at + len, &first, 1);
		// TLS begins behind a dialogue: the answer to it may be worth reading.
		if (first == 0x16)
			v->what = 0;
		return whole();
	}
	// What it acknowledges decides how the other end's bytes are read.
	if (t->flags & ACK && is_news(v, t->ack, high))
		return whole();
	return none(skb, BY_READ_OUT);
}

// Does the datagram begin with an Initial (RFC 9000 section 17.2.2, RFC 9369 section 3.2)? It may open
// another connection, of which the sensor judges anew.
INLINE int is_initial(struct __sk_buff *skb, u8 first, u32 at)
{
	u32 version = 0;
	if (!(first & 0x80) || load(skb, at + 1, &version, 4) || version == 0)
		return 0;
	return ((first >> 4) & 3) == (swap32(version) == QUIC_2 ? 1 : 0);
}

// `at`: where the UDP header begins.
INLINE u32 datagram(struct __sk_buff *skb, struct verdict *v, u32 at)
{
	u8 first = 0, what = v->what;
	if (what == 0 || load(skb, at + sizeof(struct udp), &first, 1))
		return whole();
	// Only a short header of QUIC (RFC 9000 section 17.3), never what may begin something.
	if ((first & 0xc0) != 0x40) {
		if (is_initial(skb, first, at + sizeof(struct udp)))
			v->what = 0;
		return whole();
	}
	if (is_due(v, coarse_ns()))
		return whole();
	return what & WATCHED ? headers(skb, at + sizeof(struct udp)) : none(skb, BY_SETTLED);
}

// `at`: where the transport header begins; `end`: where the packet ends.
INLINE u32 transport(struct __sk_buff *skb, struct key *key, const u8 *src, const u8 *dst, int words,
		     u32 at, u32 end)
{
	if (end > skb->len)
		return whole();
	if (key->protocol == TCP) {
		struct tcp t;
		if (at + sizeof(t) > end || load(skb, at, &t, sizeof(t)))
			return whole();
		int high = fill(key, src, dst, t.src, t.dst, words);
		struct verdict *v = lookup(&flows, key);
		return v ? segment(skb, v, &t, high, at, end) : whole();
	}
	if (key->protocol == UDP) {
		struct udp u;
		if (at + sizeof(u) >= end || load(skb, at, &u, sizeof(u)))
			return whole();
		fill(key, src, dst, u.src, u.dst, words);
		struct verdict *v = lookup(&flows, key);
		return v ? datagram(skb, v, at) : whole();
	}
	return whole();
}

INLINE u32 network4(struct __sk_buff *skb, u32 at)
{
	struct ipv4 ip;
	if (load(skb, at, &ip, sizeof(ip)) || ip.version_len >> 4 != 4)
		return whole();
	if (excluded4 && (is_excluded4(ip.src) || is_excluded4(ip.dst)))
		return none(skb, BY_EXCLUDED);
	// Options, fragments, a length left to offloads: not understood here.
	if (ip.version_len != 0x45 || ip.fragment & swap16(0x3fff) || ip.total_len == 0)
		return whole();
	struct key key = {};
	key.protocol = ip.protocol;
	key.version = 4;
	return transport(skb, &key, ip.src, ip.dst, 1, at + sizeof(ip), at + swap16(ip.total_len));
}

INLINE u32 network6(struct __sk_buff *skb, u32 at)
{
	struct ipv6 ip;
	if (load(skb, at, &ip, sizeof(ip)) || (swap32(ip.version_class_label) >> 28) != 6)
		return whole();
	if (excluded6 && (is_excluded6(ip.src) || is_excluded6(ip.dst)))
		return none(skb, BY_EXCLUDED);
	if (ip.payload_len == 0)
		return whole();
	struct key key = {};
	key.protocol = ip.next;
	key.version = 6;
	u32 from = at + sizeof(ip);
	return transport(skb, &key, ip.src, ip.dst, 4, from, from + swap16(ip.payload_len));
}

SECTION("socket") u32 prefilter(struct __sk_buff *skb)
{
	u16 type = (u16)skb->protocol;
	u32 at = 0;
	if (ethernet) {
		at = 14;
		if (load(skb, 12, &type, sizeof(type)))
			return whole();
		// The kernel took the outermost tag out; these two stayed in.
#pragma unroll
		for (int i = 0; i < 2; i++) {
			if (type != swap16(VLAN) && type != swap16(QINQ))
				break;
			if (load(skb, at + 2, &type, sizeof(type)))
				return whole();
			at += 4;
		}
	}
	if (type == swap16(IPV4))
		return network4(skb, at);
	if (type == swap16(IPV6))
		return network6(skb, at);
	return whole();
}

char LICENSE[] SECTION("license") = "MIT";
