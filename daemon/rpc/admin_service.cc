#include "daemon/rpc/admin_service.h"

#include <unistd.h>

#include <utility>

#include "daemon/codec/utf8.h"
#include "daemon/rpc/paging.h"
#include "daemon/rpc/requests.h"
#include "daemon/rpc/status_convert.h"
#include "daemon/rpc/view_codec.h"

namespace modeld {
namespace {

// Answers with the change that was made, or the error.
template <typename Response>
grpc::Status Answer(const absl::StatusOr<LiveChange>& change, Response* response) {
  if (!change.ok()) return ToGrpcStatus(change.status());
  ToWire(*change, response->mutable_change());
  return grpc::Status::OK;
}

}  // namespace

AdminServiceImpl::AdminServiceImpl(const AdminParts& parts, DaemonInfo info)
    : manager_(parts.manager),
      intake_(parts.intake),
      registry_(parts.registry),
      scheduler_(parts.scheduler),
      health_(parts.health),
      uploads_(parts.uploads),
      push_taker_(parts.push_taker),
      care_(parts.care),
      tuner_(parts.tuner),
      peers_(parts.peers),
      info_(std::move(info)),
      watches_(parts.registry) {}

std::string AdminServiceImpl::ActorOf(const grpc::ServerContext& context, const std::string& claim) const {
  return ActorText(peers_ == nullptr ? std::nullopt : peers_->NameOf(context.peer()), claim);
}

grpc::Status AdminServiceImpl::Rollback(grpc::ServerContext* context, const v1::RollbackRequest* request,
                                        v1::RollbackResponse* response) {
  if (absl::Status valid = CheckCommand(*request); !valid.ok()) return ToGrpcStatus(valid);
  return Answer(manager_->Rollback(CommandOf(*context, *request, request->to_version()), TimeoutOf(*context)),
                response);
}

grpc::Status AdminServiceImpl::Promote(grpc::ServerContext* context, const v1::PromoteRequest* request,
                                       v1::PromoteResponse* response) {
  if (absl::Status valid = CheckCommand(*request); !valid.ok()) return ToGrpcStatus(valid);
  if (absl::Status named = RequireVersion(request->version()); !named.ok()) return ToGrpcStatus(named);
  return Answer(manager_->Promote(CommandOf(*context, *request, request->version()), TimeoutOf(*context)),
                response);
}

grpc::Status AdminServiceImpl::Pin(grpc::ServerContext* context, const v1::PinRequest* request,
                                   v1::PinResponse* response) {
  if (absl::Status valid = CheckCommand(*request); !valid.ok()) return ToGrpcStatus(valid);
  return Answer(manager_->Pin(CommandOf(*context, *request, request->version()), TimeoutOf(*context)),
                response);
}

grpc::Status AdminServiceImpl::Unpin(grpc::ServerContext* context, const v1::UnpinRequest* request,
                                     v1::UnpinResponse* response) {
  if (absl::Status valid = CheckCommand(*request); !valid.ok()) return ToGrpcStatus(valid);
  return Answer(manager_->Unpin(CommandOf(*context, *request, ""), TimeoutOf(*context)), response);
}

grpc::Status AdminServiceImpl::Retire(grpc::ServerContext* context, const v1::RetireRequest* request,
                                      v1::RetireResponse* response) {
  if (absl::Status valid = CheckCommand(*request); !valid.ok()) return ToGrpcStatus(valid);
  if (absl::Status named = RequireVersion(request->version()); !named.ok()) return ToGrpcStatus(named);
  return ToGrpcStatus(manager_->Retire(CommandOf(*context, *request, request->version())));
}

grpc::Status AdminServiceImpl::ListEvents(grpc::ServerContext* context, const v1::ListEventsRequest* request,
                                          v1::ListEventsResponse* response) {
  const absl::StatusOr<int> page_size = PageSize(request->page_size());
  if (!page_size.ok()) return ToGrpcStatus(page_size.status());
  const absl::StatusOr<int64_t> before_id = IdOfToken(request->page_token());
  if (!before_id.ok()) return ToGrpcStatus(before_id.status());
  // One more than the page holds tells whether another page follows.
  absl::StatusOr<std::vector<EventRecord>> events =
      registry_->ListEvents(EventQuery{.model = request->model(),
                                       .before_id = *before_id,
                                       .after_id = 0,
                                       .oldest_first = false,
                                       .limit = *page_size + 1});
  if (!events.ok()) return ToGrpcStatus(events.status());
  if (events->size() > static_cast<size_t>(*page_size)) {
    events->pop_back();
    response->set_next_page_token(TokenBeforeId(events->back().id));
  }
  for (const EventRecord& event : *events) ToWire(event, response->add_events());
  return grpc::Status::OK;
}

grpc::Status AdminServiceImpl::Rescan(grpc::ServerContext* context, const v1::RescanRequest* request,
                                      v1::RescanResponse* response) {
  const absl::StatusOr<int> files = intake_->Rescan(TimeoutOf(*context));
  if (!files.ok()) return ToGrpcStatus(files.status());
  response->set_files(*files);
  for (const DroppedFileView& file : intake_->dropped_files()) ToWire(file, response->add_dropped_files());
  return grpc::Status::OK;
}

grpc::Status AdminServiceImpl::GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                                         v1::GetStatusResponse* response) {
  response->set_version(info_.version);
  ToWire(info_.started_at, response->mutable_started_at());
  response->set_ready(health_->serving());
  response->set_drop_directory(ToUtf8(info_.drop_directory));
  response->set_state_directory(ToUtf8(info_.state_directory));
  response->set_source_error(ToUtf8(std::string(intake_->source_status().message())));
  const ManagerCounts counts = manager_->Counts();
  response->set_models(counts.models);
  response->set_versions(counts.versions);
  response->set_ready_versions(counts.ready);
  response->set_quarantined_versions(counts.quarantined);
  response->set_dropped_files(static_cast<int32_t>(intake_->dropped_files().size()));
  response->mutable_addresses()->Assign(info_.addresses.begin(), info_.addresses.end());
  response->mutable_engines()->Assign(info_.engines.begin(), info_.engines.end());
  response->set_process_id(::getpid());
  response->set_requests_in_flight(scheduler_->in_flight());
  return grpc::Status::OK;
}

}  // namespace modeld
