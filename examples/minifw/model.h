/* The two models and their optimiser. */
#include "minifw.h"

typedef struct fw_model {
    bool is_cnn;
    int n_params;
    fw_tensor *params[6], *velocity[6]; /* owned */
    fw_tensor *mean, *spread;           /* owned constants that normalise pixels */
} fw_model;

/* "mlp": 784, 128, 10; "cnn": two convolutions with pooling, one linear layer. */
bool fw_model_init(fw *f, fw_model *model, const char *name, uint64_t seed);
void fw_model_deinit(fw_model *model);
fw_tensor *fw_model_forward(fw *f, const fw_model *model, fw_tensor *pixels); /* [n 784] -> logits [n 10] */
/* After fw_backward: v = momentum v + gradient; p = p - rate v. */
void fw_model_sgd(fw *f, fw_model *model, float rate, float momentum);
