// Engine and Executable: what every engine (libtorch, openvino, onnxruntime) implements.
//
// This room knows nothing of protobuf or gRPC: LibTorch ships its own older protobuf headers, which would
// shadow the system's in any file that includes both.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_join.h"
#include "daemon/engine/plan.h"
#include "daemon/engine/signature.h"
#include "daemon/engine/value.h"
#include "registry/base/artifact_format.h"

namespace modeld {

// A version in memory, ready to run. Thread-safe: Run may be called by several threads at once. Destruction
// frees the model's memory and may take long: never on a request thread.
class Executable {
 public:
  virtual ~Executable() = default;

  // Callable methods, `forward` first. Constant after construction.
  virtual const std::vector<Method>& methods() const = 0;

  // Whether runs write the module's own attributes. Then each Run begins with them as they were loaded, and a
  // session is what keeps them.
  virtual bool stateful() const { return false; }
  // An executable of the same methods that keeps what its runs write, beginning with what was loaded. It
  // shares memory with this one, which outlives it. Its Run is called by one thread at a time. UNIMPLEMENTED:
  // the module's attributes cannot be copied; the message says which. REQUIRES: stateful().
  virtual absl::StatusOr<std::unique_ptr<Executable>> NewSession() {
    return absl::UnimplementedError("the engine has no sessions");
  }

  // What a session keeps by now, after its last run, in bytes of the host's memory or a GPU's, without what
  // it shares; of another what a session begins with. Of a session it is called as its Run is. 0: nothing, or
  // not known, as before the first session.
  virtual int64_t StateBytes() const { return 0; }

  // Runs `methods()[method]`. `arguments` come from BindArguments. Output tensors are contiguous, in host
  // memory, and own their bytes. INTERNAL with the model's own message if it raised; UNIMPLEMENTED if it
  // returned something that no Value can hold; UNAVAILABLE once the engine's health is so. Never throws.
  virtual absl::StatusOr<Value> Run(size_t method, std::vector<Value> arguments) = 0;
};

// What is known, before a model is loaded, of an argument of `forward` that is a tensor: an engine that
// compiles wants its dtype and rank.
struct KnownInput {
  std::string name;
  DType dtype = DType::kFp32;
  std::vector<int64_t> shape;  // -1: any size
  // Every call brings such a tensor, for the config declares it so. Otherwise a golden sample does, and calls
  // may come that bring another.
  bool always = false;
};

struct LoadRequest {
  std::string artifact_path;
  ArtifactFormat format = ArtifactFormat::kTorchScript;
  // Of a format that must lie unpacked (kPt2): the directory of its files. They may go after the load; but
  // what is loaded again from where it was before takes no memory of its own for its code.
  std::string unpacked = {};
  Plan plan = {};  // one of the engine's for the format; by default the artifact as it was saved
  // Where it computes, by LibTorch's names: "cuda:1". Empty: on the CPU.
  std::string device = {};
  std::vector<KnownInput> inputs = {};
  // How many threads call Run at the same time, and how many threads each of these runs may use.
  int callers = 1;
  int threads_per_run = 1;
};

// The library behind an engine.
struct EngineLibrary {
  std::string name;     // "libtorch"
  std::string version;  // "2.13.0"
};

// Thread-safe.
class Engine {
 public:
  virtual ~Engine() = default;

  // One, but of a set of engines; not empty. Constant.
  virtual std::vector<EngineLibrary> libraries() const = 0;
  // The ways in which this engine may be able to run an artifact of this format, first the one that every
  // other is held to: the artifact as it was saved. Empty: none. Which of them an artifact allows, and which
  // is worth it, is found out by trying. Constant.
  virtual std::vector<Plan> plans(ArtifactFormat format) const = 0;
  // Loads an artifact: seconds, and as much memory as the model takes. INVALID_ARGUMENT if the engine refuses
  // the artifact, or cannot run it by this plan, with the library's message; RESOURCE_EXHAUSTED if memory ran
  // out; UNIMPLEMENTED if this daemon lacks what the artifact needs (a device, an operator), with the remedy;
  // any other code: the machine is at fault. Never throws.
  virtual absl::StatusOr<std::unique_ptr<Executable>> Load(const LoadRequest& request) = 0;
  // Called once by each thread that will call Run, before it does: thread counts and floating-point modes are
  // per thread. `intra_op_threads` >= 1.
  virtual void PrepareThread(int intra_op_threads) = 0;
  // UNAVAILABLE once the engine cannot compute any more in this process, as after a fault on a GPU: only
  // another process can.
  virtual absl::Status health() const { return absl::OkStatus(); }
  // Gives back what it keeps of a device's memory for later runs; another process is to use it.
  virtual void ReleaseUnusedMemory() {}
};

// "libtorch 2.13.0", of each.
inline std::vector<std::string> LibraryTexts(const Engine& engine) {
  std::vector<std::string> texts;
  for (const EngineLibrary& library : engine.libraries())
    texts.push_back(library.name + " " + library.version);
  return texts;
}

// "libtorch 2.13.0, openvino 2026.4.1".
inline std::string EngineText(const Engine& engine) { return absl::StrJoin(LibraryTexts(engine), ", "); }

}  // namespace modeld
