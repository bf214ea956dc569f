// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Hands each frame of an interface to the socket of its queue; one without a socket goes its way.
//
// Never: looks at a frame. It takes frames away from the kernel, so it belongs on mirror and tap
// ports only (`place.rs` asks). Built by `make prefilter`.

typedef unsigned int u32;
typedef unsigned long long u64;

#define SECTION(name) __attribute__((section(name), used))

// Of linux/bpf.h. The order of the fields of xdp_md is part of the kernel's interface.
struct xdp_md {
	u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index;
};
struct map {
	u32 type, key_size, value_size, max_entries, flags;
};
enum { XSKMAP = 17, PASS = 2 };

static long (*redirect_map)(void *map, u64 key, u64 otherwise) = (void *)51;

struct map SECTION("maps") sockets = {XSKMAP, sizeof(u32), sizeof(u32), 1, 0};

SECTION("xdp") int redirect(struct xdp_md *frame)
{
	return redirect_map(&sockets, frame->rx_queue_index, PASS);
}

char LICENSE[] SECTION("license") = "MIT";
