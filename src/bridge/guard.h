/* Cleaning up where a callback of the caller's leaves by an exception. It must not, and C cannot catch it; but the bridge is
 * compiled with -fexceptions, so that a guard's function runs then too: no memory is lost, no lock held, and nothing in flight
 * stays in flight for ever. */
#ifndef TN_BRIDGE_GUARD_H
#define TN_BRIDGE_GUARD_H
#define TN__GUARD(function) __attribute__((cleanup(function)))
#endif
