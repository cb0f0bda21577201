import java.io.FileInputStream;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.Security;
import java.util.Arrays;
import java.util.Date;

import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.ocsp.OCSPObjectIdentifiers;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.Extensions;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.ocsp.BasicOCSPResp;
import org.bouncycastle.cert.ocsp.CertificateID;
import org.bouncycastle.cert.ocsp.CertificateStatus;
import org.bouncycastle.cert.ocsp.OCSPReqBuilder;
import org.bouncycastle.cert.ocsp.OCSPResp;
import org.bouncycastle.cert.ocsp.RespID;
import org.bouncycastle.cert.ocsp.RevokedStatus;
import org.bouncycastle.cert.ocsp.SingleResp;
import org.bouncycastle.cert.ocsp.UnknownStatus;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.ContentVerifierProvider;
import org.bouncycastle.operator.DigestCalculator;
import org.bouncycastle.operator.DigestCalculatorProvider;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/**
 * Asks a running responder with somebody else's code: one request with a nonce
 * and a requestor's name about all serials. It believes the answer only if the
 * delegated certificate signed it and the issuer signed that, and prints the
 * status of each serial, one a line. An exception ends it with an error.
 *
 * Arguments: URL, issuer (certificate, PEM or DER), OID of the digest that names
 * the issuer, serials in hex.
 */
public class Ocsp {
    public static void main(String[] args) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        java.security.cert.X509Certificate read;
        try (FileInputStream in = new FileInputStream(args[1])) {
            read = (java.security.cert.X509Certificate) java.security.cert.CertificateFactory.getInstance("X.509", "BC").generateCertificate(in);
        }
        X509CertificateHolder issuer = new X509CertificateHolder(read.getEncoded());
        DigestCalculatorProvider digests = new JcaDigestCalculatorProviderBuilder().setProvider("BC").build();
        DigestCalculator digest = digests.get(new AlgorithmIdentifier(new ASN1ObjectIdentifier(args[2])));

        OCSPReqBuilder builder = new OCSPReqBuilder();
        CertificateID[] ids = new CertificateID[args.length - 3];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = new CertificateID(digest, issuer, new BigInteger(args[i + 3], 16));
            builder.addRequest(ids[i]);
        }
        byte[] nonce = new byte[32];
        new java.security.SecureRandom().nextBytes(nonce);
        builder.setRequestorName(new GeneralName(new X500Name("CN=Bouncy Castle")));
        builder.setRequestExtensions(new Extensions(new Extension(OCSPObjectIdentifiers.id_pkix_ocsp_nonce, false, new DEROctetString(nonce).getEncoded())));

        HttpResponse<byte[]> http = HttpClient.newHttpClient().send(
            HttpRequest.newBuilder(URI.create(args[0])).header("Content-Type", "application/ocsp-request")
                .POST(HttpRequest.BodyPublishers.ofByteArray(builder.build().getEncoded())).build(),
            HttpResponse.BodyHandlers.ofByteArray());
        OCSPResp response = new OCSPResp(http.body());
        want(response.getStatus() == OCSPResp.SUCCESSFUL, "status " + response.getStatus());
        BasicOCSPResp basic = (BasicOCSPResp) response.getResponseObject();

        X509CertificateHolder signer = basic.getCerts()[0];
        want(basic.isSignatureValid(verifier(signer)), "the answer's signature");
        want(signer.isSignatureValid(verifier(issuer)), "the delegate's signature");
        want(signer.isValidOn(new Date()), "the delegate's time");
        want(signer.getIssuer().equals(issuer.getSubject()), "the delegate's issuer");
        want(ExtendedKeyUsage.fromExtensions(signer.getExtensions()).hasKeyPurposeId(KeyPurposeId.id_kp_OCSPSigning), "the delegate's purpose");
        want(signer.getExtension(OCSPObjectIdentifiers.id_pkix_ocsp_nocheck) != null, "no id-pkix-ocsp-nocheck");
        want(basic.getResponderId().equals(new RespID(signer.getSubjectPublicKeyInfo(), digests.get(RespID.HASH_SHA1))), "responder id");
        Extension echoed = basic.getExtension(OCSPObjectIdentifiers.id_pkix_ocsp_nonce);
        want(echoed != null && Arrays.equals(nonce, ((DEROctetString) echoed.getParsedValue()).getOctets()), "the nonce");

        SingleResp[] singles = basic.getResponses();
        want(singles.length == ids.length, singles.length + " answers");
        for (int i = 0; i < ids.length; i++) {
            want(singles[i].getCertID().equals(ids[i]), "CertID " + i);
            want(!singles[i].getThisUpdate().after(new Date()) && singles[i].getNextUpdate().after(new Date()), "times");
            CertificateStatus status = singles[i].getCertStatus();
            if (status == CertificateStatus.GOOD) {
                System.out.println("good");
            } else if (status instanceof UnknownStatus) {
                System.out.println("unknown");
            } else {
                RevokedStatus revoked = (RevokedStatus) status;
                System.out.println("revoked " + (revoked.hasRevocationReason() ? revoked.getRevocationReason() : "-"));
            }
        }
    }

    static ContentVerifierProvider verifier(X509CertificateHolder c) throws Exception {
        return new JcaContentVerifierProviderBuilder().setProvider("BC").build(c);
    }

    static void want(boolean right, String what) {
        if (!right) {
            throw new IllegalStateException(what);
        }
    }
}
