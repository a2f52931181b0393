-- The telemetry table as the application's Prisma schema makes it: quoted camelCase, createdAt without time zone, in UTC.

CREATE TABLE "AIInteraction" (
    "id" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "leadId" TEXT,
    "source" TEXT,
    "featureId" TEXT NOT NULL,
    "promptKey" TEXT,
    "model" TEXT NOT NULL,
    "apiType" TEXT NOT NULL,
    "inputTokens" INTEGER,
    "outputTokens" INTEGER,
    "reasoningTokens" INTEGER,
    "totalTokens" INTEGER,
    "latencyMs" INTEGER,
    "status" TEXT NOT NULL,
    "errorMessage" TEXT,
    "metadata" JSONB,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "AIInteraction_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "AIInteraction_createdAt_idx" ON "AIInteraction" ("createdAt" DESC);
CREATE INDEX "AIInteraction_clientId_createdAt_idx" ON "AIInteraction" ("clientId", "createdAt" DESC);
CREATE INDEX "AIInteraction_clientId_featureId_createdAt_idx" ON "AIInteraction" ("clientId", "featureId", "createdAt" DESC);
CREATE INDEX "AIInteraction_clientId_source_createdAt_idx" ON "AIInteraction" ("clientId", "source", "createdAt" DESC);
CREATE INDEX "AIInteraction_featureId_idx" ON "AIInteraction" ("featureId");
CREATE INDEX "AIInteraction_status_idx" ON "AIInteraction" ("status");
CREATE INDEX "AIInteraction_model_idx" ON "AIInteraction" ("model");
