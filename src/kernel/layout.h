/* Option `layout`: which values the choice of layouts prefers. */
#ifndef TN_KERNEL_LAYOUT_H
#define TN_KERNEL_LAYOUT_H

/* In the order of the option's choices. */
typedef enum tn__layout_preference {
    TN__LAYOUT_AUTO,   /* by cost */
    TN__LAYOUT_NCHW,   /* row-major wherever there is a kernel for it */
    TN__LAYOUT_BLOCKED /* no convolution works on row-major values */
} tn__layout_preference;
#endif
